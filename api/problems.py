"""Errors as `application/problem+json` (RFC 9457). The one place where an error becomes an HTTP status."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api import tracing
from api.errors import (
    BodyTimeout,
    EdgeCode,
    Lagging,
    ModelNotReady,
    NoModels,
    Overloaded,
    RateLimited,
    Refusal,
    Stopping,
)
from streamapp.contracts.errors import BrokerUnavailable, Code, RecordError, RedisUnavailable, ServiceError

MEDIA_TYPE: Final = "application/problem+json"
#: Seconds after which a caller may try again what was not possible just now.
RETRY_AFTER: Final = {"Retry-After": "1"}
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
#: Headers of problems, beside the one of what was not possible just now. RFC 6750, section 3, has the challenges.
_HEADERS: Final[Mapping[str, Mapping[str, str]]] = {
    EdgeCode.PREDICTION_NOT_FOUND: RETRY_AFTER,
    EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT: RETRY_AFTER,
    EdgeCode.UNAUTHENTICATED: {"WWW-Authenticate": 'Bearer realm="streamapp"'},
    EdgeCode.WRONG_SCOPE: {"WWW-Authenticate": 'Bearer realm="streamapp", error="insufficient_scope"'},
}
_SERVICE_CODES: Final[Mapping[type[ServiceError], EdgeCode]] = {
    ModelNotReady: EdgeCode.MODEL_NOT_READY,
    NoModels: EdgeCode.NO_MODELS,
    Lagging: EdgeCode.LAGGING,
    Stopping: EdgeCode.STOPPING,
    BodyTimeout: EdgeCode.BODY_TIMEOUT,
    RateLimited: EdgeCode.RATE_LIMITED,
    BrokerUnavailable: EdgeCode.BROKER_UNAVAILABLE,
    Overloaded: EdgeCode.OVERLOADED,
    RedisUnavailable: EdgeCode.REDIS_UNAVAILABLE,
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


def respond(request: Request, code: str, detail: str, kind: type[Problem] = Problem, **extensions: Any) -> Response:
    """Return a problem as the response to a request.

    Args:
        request: The request that is answered.
        code: Which problem, one of `KINDS`.
        detail: One sentence for a person.
        kind: `Problem`, or one with more fields.
        **extensions: Further fields of it: `pointer`, `id`, `location`, `checks`.
    """
    status, title = KINDS[code]
    problem = kind(
        type=type_of(code),
        title=title,
        status=status,
        detail=detail,
        instance=request.scope["raw_path"].decode("ascii", "replace"),
        code=code,
        trace_id=tracing.trace_id(request),
        error=detail if request.scope["path"].startswith("/v2") else "",
        **extensions,
    )
    tracing.refused(problem.code, status, problem.trace_id, problem.id, problem.instance)
    passing = RETRY_AFTER if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return Response(msgspec.json.encode(problem), status, _HEADERS.get(code, passing), MEDIA_TYPE)


def unread(code: str, detail: str) -> tuple[int, bytes]:
    """Return status and body of a problem with what was not read as far as a request: it has no path and no trace.

    Args:
        code: Which problem, one of `KINDS`.
        detail: One sentence for a person.
    """
    status, title = KINDS[code]
    problem = Problem(type_of(code), title, status, detail, "", code, uuid.uuid4().hex)
    tracing.refused(code, status, problem.trace_id, "", "")
    return status, msgspec.json.encode(problem)


def type_of(code: str) -> str:
    """Return the `type` of a kind of problem, which leads to its page: a URI reference with the full path."""
    return _PAGES + code


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.exception_handler(RecordError)(_record_error)
    app.exception_handler(Refusal)(_refusal)
    app.exception_handler(ServiceError)(_service_error)
    # Of HTTP's own errors the router raises these two; the routes raise none.
    app.exception_handler(HTTPStatus.NOT_FOUND)(_not_found)
    app.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)(_method_not_allowed)
    app.exception_handler(ClientDisconnect)(_gone)
    app.exception_handler(Exception)(_internal_error)


async def _record_error(request: Request, error: RecordError) -> Response:
    return respond(request, error.code, error.detail, pointer=error.pointer)


async def _refusal(request: Request, error: Refusal) -> Response:
    return respond(request, error.code, error.detail)


async def _service_error(request: Request, error: ServiceError) -> Response:
    response = respond(request, service_code(error), str(error))
    response.headers.update(service_headers(error))
    return response


def service_code(error: ServiceError) -> EdgeCode:
    """Return the code of something outside that failed."""
    return next(_SERVICE_CODES[cls] for cls in type(error).__mro__ if cls in _SERVICE_CODES)


def service_headers(error: ServiceError) -> Mapping[str, str]:
    """Return the headers that say more of it: the limit, and when it counts anew.

    https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
    """
    if not isinstance(error, RateLimited):
        return {}
    return {
        "Retry-After": str(error.seconds),
        "RateLimit-Policy": f'"requests";q={error.rate.most};w={error.rate.seconds}',
        "RateLimit": f'"requests";r=0;t={error.seconds}',
    }


async def _not_found(request: Request, _: HTTPException) -> Response:
    return respond(request, EdgeCode.NOT_FOUND, "Nothing is served under this path; /docs lists what is.")


async def _method_not_allowed(request: Request, error: HTTPException) -> Response:
    allowed = (error.headers or {})["Allow"]
    response = respond(request, EdgeCode.METHOD_NOT_ALLOWED, f"This path takes {allowed} only.")
    response.headers["Allow"] = allowed
    return response


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    # Nobody reads it. Without it, every caller that hangs up would be a traceback in the log.
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _internal_error(request: Request, _: Exception) -> Response:
    # The server logs the traceback; the caller learns nothing of the inside.
    return respond(request, EdgeCode.INTERNAL_ERROR, "The edge failed; its log says why.")
