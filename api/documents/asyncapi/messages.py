"""What the records on the topics are."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from api.documents import schemas
from api.documents.asyncapi import headers
from api.documents.asyncapi.headers import Header
from api.documents.schemas import Schema
from streamapp.contracts.card import ModelCard
from streamapp.contracts.messages import Marker, Prediction, Request
from streamapp.contracts.status import Switch, WorkerStatus

_SCHEMAS: Final = "#/components/schemas/"
_NULL: Final = {"type": "null"}
#: A request's key is the sender's; its outcome has the same.
_REQUEST_KEY: Final = {"type": ["string", "null"], "description": "The key of the request, whatever it is."}
_ALIAS_KEY: Final = {"type": "string", "description": "Alias of the model."}


class Message(NamedTuple):
    """A kind of record.

    Attributes:
        name: Its name in the document.
        title: Its name for a person.
        summary: What it says.
        payload: Schema of its value.
        headers: Its headers.
        others: Whether it may have more headers than those.
        key: Schema of its key; None: it has none.
        content_type: Media type of its value.
    """

    name: str
    title: str
    summary: str
    payload: Mapping[str, Any]
    headers: Sequence[Header] = ()
    others: bool = False
    key: Mapping[str, Any] | None = None
    content_type: str = "application/json"


def _reference(message: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _SCHEMAS + message.__name__}


REQUEST: Final = Message(
    "request",
    "Request",
    "Rows, and the alias of the model that is to predict them. Written by the edge, and by any program that likes: a "
    "record without headers is as welcome.",
    _reference(Request),
    headers.REQUEST,
    others=True,
    key=_REQUEST_KEY,
)
PREDICTION: Final = Message(
    "prediction",
    "Prediction",
    "What a model says of the rows of a request. It lies in the partition with the number of the request's.",
    _reference(Prediction),
    headers.PREDICTION,
    key=_REQUEST_KEY,
)
DEAD_LETTER: Final = Message(
    "deadLetter",
    "Dead letter",
    "A record that was refused: its key, its bytes and its headers as they came, and the reason in headers of its "
    "own. It lies in the partition with the number of the request's.",
    {"type": ["string", "null"], "description": "The bytes of the request, which may be anything."},
    (*headers.optional((headers.ID,)), *headers.TRACE, *headers.REASON),
    others=True,
    key=_REQUEST_KEY,
    content_type="application/octet-stream",
)
ANSWER: Final = Message(
    "answer",
    "Reply: a prediction",
    "A copy of the prediction, for who waits for it.",
    _reference(Prediction),
    headers.ANSWER,
)
REFUSAL: Final = Message(
    "refusal",
    "Reply: a refusal",
    "Why there is no prediction, for who waits for it: the headers of the dead letter.",
    _NULL,
    headers.REFUSAL,
)
CARD: Final = Message(
    "card",
    "Model card",
    "What a served model takes and gives; a null takes it away. The newest record of a key counts.",
    {"oneOf": [_reference(ModelCard), _NULL]},
    key=_ALIAS_KEY,
)
SWITCH: Final = Message(
    "switch",
    "Switch",
    "A version of a model takes effect on an input partition, from an offset on.",
    _reference(Switch),
    key=_ALIAS_KEY,
)
STATUS: Final = Message(
    "status",
    "Status of a worker",
    "What a worker serves, and what it refuses and why; a null says that it has ended. The newest record of a key "
    "counts.",
    {"oneOf": [_reference(WorkerStatus), _NULL]},
    key={"type": "string", "description": "Name of the worker."},
)
MARKER: Final = Message(
    "marker",
    "Marker of a redriven dead letter",
    "A dead letter was put back on its input topic.",
    _reference(Marker),
    key={"type": "string", "description": "Place of the dead letter, `topic-partition-offset`."},
)


@cache
def payloads() -> dict[str, Schema]:
    """Return the schemas that the values of the records refer to, by name."""
    made = schemas.of_messages((Request, Prediction, ModelCard, Switch, WorkerStatus, Marker), _SCHEMAS + "{name}")
    made["Payload"]["properties"]["data"] |= {"type": "array", "items": {"type": ["object", "array"]}}
    made["Prediction"]["properties"]["data"] |= {"type": "array", "items": {"type": "object"}}
    return made
