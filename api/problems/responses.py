"""Problems as responses: `application/problem+json` (RFC 9457)."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import Request, Response

from api import media_types
from api.errors import (
    BodyTimeout,
    EdgeCode,
    Lagging,
    ModelNotReady,
    NoModels,
    Overloaded,
    RateLimited,
    Stopping,
)
from api.intake import tracing
from api.problems.kinds import KINDS, Problem, type_of
from streamapp.contracts.errors import BrokerUnavailable, RedisUnavailable, ServiceError

#: Seconds after which a caller may try again what was not possible just now.
RETRY_AFTER: Final = {"Retry-After": "1"}
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
    return Response(msgspec.json.encode(problem), status, _HEADERS.get(code, passing), media_types.PROBLEM)


def unread(code: str, detail: str) -> tuple[int, bytes]:
    """Return status and body of a problem with what was not read to its end: it has no path and no trace.

    Args:
        code: Which problem, one of `KINDS`.
        detail: One sentence for a person.
    """
    status, title = KINDS[code]
    problem = Problem(type_of(code), title, status, detail, "", code, uuid.uuid4().hex)
    tracing.refused(code, status, problem.trace_id, "", "")
    return status, msgspec.json.encode(problem)


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
