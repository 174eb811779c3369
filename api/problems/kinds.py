"""The kinds of problems: the one place where a reason becomes an HTTP status."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from api.errors import EdgeCode
from streamapp.contracts.errors import Code

#: Where the page of a code is: a reference, relative to where the request went to. See docs/decisions/0021.
_PAGES: Final = "/problems/"
#: Code to status and title.
KINDS: Final[Mapping[str, tuple[int, str]]] = {
    Code.NULL_RECORD: (400, "The body is null"),
    Code.MALFORMED_JSON: (400, "The body is not JSON"),
    Code.DUPLICATE_KEY: (400, "An object has a key twice"),
    Code.TOO_DEEP: (422, "The body is nested too deep"),
    Code.MALFORMED_REQUEST: (422, "The body is not a request"),
    Code.EMPTY_DATA: (422, "There is nothing to predict"),
    Code.UNKNOWN_MODEL: (404, "Unknown model"),
    Code.UNKNOWN_FIELD: (422, "Unknown field"),
    Code.DUPLICATE_FIELD: (422, "A field is given twice"),
    Code.MISSING_FIELD: (422, "A required field is missing"),
    Code.WRONG_TYPE: (422, "A value has the wrong type"),
    Code.NOT_FINITE: (422, "A number is not finite"),
    Code.COLUMNS_MISMATCH: (422, "Rows and columns do not match"),
    Code.TOO_MANY_ROWS: (413, "Too many rows"),
    Code.TOO_MANY_FIELDS: (422, "Too many fields"),
    Code.RECORD_TOO_LARGE: (413, "The record is too large"),
    Code.MODEL_FAILED: (500, "The model failed"),
    Code.MODEL_TIMEOUT: (504, "The model did not answer in time"),
    EdgeCode.NOT_FOUND: (404, "Not found"),
    EdgeCode.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    EdgeCode.MALFORMED_HTTP: (400, "The request is not HTTP"),
    EdgeCode.HEADERS_TOO_LARGE: (431, "The headers are too large"),
    EdgeCode.INVALID_PARAMETER: (422, "A parameter is not valid"),
    EdgeCode.INVALID_HEADER: (400, "A header is not valid"),
    EdgeCode.BODY_TOO_LARGE: (413, "The body is too large"),
    EdgeCode.MEDIA_TYPE_UNSUPPORTED: (415, "The body must be JSON"),
    EdgeCode.ENCODING_UNSUPPORTED: (415, "The body must not be compressed"),
    EdgeCode.PREDICTION_NOT_FOUND: (404, "No such prediction yet"),
    EdgeCode.MODEL_NOT_READY: (503, "The model is not served yet"),
    EdgeCode.NO_MODELS: (503, "No model is served yet"),
    EdgeCode.ALL_REFUSED: (422, "No line was accepted"),
    EdgeCode.BROKER_UNAVAILABLE: (503, "The broker is away"),
    EdgeCode.OVERLOADED: (503, "Too many requests at once"),
    EdgeCode.LAGGING: (503, "Too many records wait for the workers"),
    EdgeCode.STOPPING: (503, "The edge is about to end"),
    EdgeCode.BODY_TIMEOUT: (408, "The body does not go on"),
    EdgeCode.DEADLINE: (504, "No prediction in time"),
    EdgeCode.REDIS_UNAVAILABLE: (503, "Redis is away"),
    EdgeCode.UNAUTHENTICATED: (401, "An API key is needed"),
    EdgeCode.WRONG_SCOPE: (403, "The API key is for other things"),
    EdgeCode.RATE_LIMITED: (429, "Too many requests of this caller"),
    EdgeCode.IDEMPOTENCY_KEY_INVALID: (400, "The Idempotency-Key is not valid"),
    EdgeCode.IDEMPOTENCY_KEY_REUSED: (422, "The Idempotency-Key belongs to another request"),
    EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT: (409, "The same request is under way"),
    EdgeCode.NOT_READY: (503, "Not ready"),
    EdgeCode.INTERNAL_ERROR: (500, "Internal error"),
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as the edge answers it (RFC 9457).

    Attributes:
        type: Identifies the kind of problem: path of the page that explains it.
        title: The kind of problem, for a person.
        status: HTTP status.
        detail: What is wrong with this request, and what to send instead.
        instance: Path of the request.
        code: The kind of problem, for a program.
        trace_id: Trace id of the request's `traceparent`, or a new one.
        pointer: JSON pointer (RFC 6901) into the body, where one place in it is at fault.
        id: Of a request that was accepted: its id.
        location: Path where its prediction will be found, where there will be one.
        checks: Of `/readyz`: what was looked at, and what of it is missing.
        error: Below `/v2`: `detail` once more, where clients of the Open Inference Protocol look for it.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    trace_id: str
    pointer: str = ""
    id: str = ""
    location: str = ""
    checks: dict[str, Any] = {}
    error: str = ""


def type_of(code: str) -> str:
    """Return the `type` of a kind of problem, which leads to its page: a URI reference with the full path."""
    return _PAGES + code
