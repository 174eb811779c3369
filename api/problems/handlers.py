"""Every error of the application made a problem."""

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.errors import EdgeCode, Refusal
from api.problems.responses import respond, service_code, service_headers
from streamapp.contracts.errors import RecordError, ServiceError

#: Status of a request whose caller has hung up, for the metrics: no fault of the request, nor of ours. HTTP has none;
#: this one is nginx's. https://nginx.org/en/docs/dev/development_guide.html#http_return_codes
GONE: Final = 499


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


async def _not_found(request: Request, _: HTTPException) -> Response:
    return respond(request, EdgeCode.NOT_FOUND, "Nothing is served under this path; /docs lists what is.")


async def _method_not_allowed(request: Request, error: HTTPException) -> Response:
    allowed = (error.headers or {})["Allow"]
    response = respond(request, EdgeCode.METHOD_NOT_ALLOWED, f"This path takes {allowed} only.")
    response.headers["Allow"] = allowed
    return response


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    # Nobody reads it; it is counted. Without it, every caller that hangs up would be a traceback in the log.
    return Response(status_code=GONE)


async def _internal_error(request: Request, _: Exception) -> Response:
    # The server logs the traceback; the caller learns nothing of the inside.
    return respond(request, EdgeCode.INTERNAL_ERROR, "The edge failed; its log says why.")
