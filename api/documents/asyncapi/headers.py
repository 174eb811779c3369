"""The headers of the records, by what the records are."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from api.documents.schemas import Schema
from streamapp.contracts import codec
from streamapp.contracts.errors import Code

_NUMBER: Final = {"type": "string", "pattern": r"^-?\d+$"}
_NATURAL: Final = {"type": "string", "pattern": r"^\d+$"}
_TEXT: Final = {"type": "string"}
#: https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT: Final = {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"}


class Header(NamedTuple):
    """A header of a record. On the wire its value is UTF-8.

    Attributes:
        name: Its name.
        description: What it says.
        schema: What its value can be.
        required: Whether each record has it.
    """

    name: str
    description: str
    schema: Mapping[str, Any] = _TEXT
    required: bool = True


def schema(headers: Iterable[Header], *, others: bool = False) -> Schema:
    """Return the schema of the headers of a record.

    Args:
        headers: Those that it has or may have.
        others: Whether there may be more.
    """
    headers = tuple(headers)
    properties = {header.name: {**header.schema, "description": header.description} for header in headers}
    required = [header.name for header in headers if header.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": others}


def optional(headers: Iterable[Header]) -> tuple[Header, ...]:
    """Return headers as those that a record may be without."""
    return tuple(header._replace(required=False) for header in headers)


ID: Final = Header(
    "ce_id",
    "Id of the request, and of what becomes of it. A request without one gets `topic-partition-offset`.",
    {"type": "string", "minLength": 1, "maxLength": codec.MAX_ID},
)
_SOURCE: Final = Header("ce_source", "Who made the record (CloudEvents).")
_SPEC: Final = Header(
    "ce_specversion", "Version of CloudEvents; binary content mode.", {"const": codec.SPEC_VERSION.decode()}
)
_CONTENT_TYPE: Final = Header(codec.CONTENT_TYPE[0], "Media type.", {"const": codec.CONTENT_TYPE[1].decode()})
TRACE: Final = (
    Header("traceparent", "W3C Trace Context, as the caller sent it.", _TRACEPARENT, required=False),
    Header("tracestate", "W3C Trace Context, as the caller sent it.", {**_TEXT, "maxLength": 512}, required=False),
)
OWNER: Final = Header(
    codec.OWNER, "Name of the API key that asked; nobody else sees the result at the edge.", required=False
)
_REPLY_TO: Final = Header(codec.REPLY_TO, "Who waits for the outcome: a name that the sender made up.")
#: A record that another program writes needs none of these, and may have others.
REQUEST: Final = (
    *optional((ID, _SOURCE, Header("ce_type", "Type of the event.", {"const": codec.REQUEST_TYPE.decode()}), _SPEC)),
    _CONTENT_TYPE._replace(required=False),
    *TRACE,
    OWNER,
    _REPLY_TO._replace(required=False),
    Header(codec.REPLY_PARTITION, "Partition of the replies topic that the sender reads.", _NATURAL, required=False),
    Header(codec.ATTEMPT, "How often the record has failed; of one that was redriven.", _NATURAL, required=False),
)
PREDICTION: Final = (
    ID,
    _SOURCE,
    Header("ce_type", "Type of the event.", {"const": codec.PREDICTION_TYPE.decode()}),
    _SPEC,
    _CONTENT_TYPE,
    Header(codec.INPUT_TOPIC, "Topic of the request."),
    Header(codec.INPUT_PARTITION, "Partition of the request.", _NATURAL),
    Header(codec.INPUT_OFFSET, "Offset of the request.", _NATURAL),
    Header(codec.INPUT_TIMESTAMP, "When the broker has the request to be made, in milliseconds.", _NUMBER),
    *TRACE,
    OWNER,
)
_REASON: Final = (
    Header("code", "Why the record was refused, for a program.", {"enum": [str(code) for code in Code]}),
    Header("class", "Class of the error."),
    Header("message", "Why, for a person.", {**_TEXT, "maxLength": codec.MAX_MESSAGE}),
    Header("model", "Alias that was asked for; empty where it is not known."),
    Header("version", "Version of the model that refused it; empty where none was reached."),
    Header("topic", "Topic of the request."),
    Header("partition", "Partition of the request.", _NATURAL),
    Header("offset", "Offset of the request.", _NATURAL),
    Header("attempt", "How often the record has failed.", _NATURAL),
    Header("time", "When it failed, UTC, ISO 8601.", {**_TEXT, "format": "date-time"}),
)
#: A dead letter keeps the headers of its request beside its own.
REASON: Final = tuple(header._replace(name=codec.DEAD_LETTER_PREFIX + header.name) for header in _REASON)
ANSWER: Final = (
    ID,
    _REPLY_TO,
    Header("ce_type", "Type of the event.", {"const": codec.PREDICTION_TYPE.decode()}),
    *TRACE,
)
REFUSAL: Final = (ID, _REPLY_TO, *REASON, *TRACE)
