"""The shortest way from a request to its endpoint, and a fast path for routes without parameters."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api.telemetry.requests import Watched

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and nothing else.

    FastAPI's way to an endpoint costs more than all that our busiest one does: parameters solved, models validated,
    exit stacks made. What the endpoints take is declared in `documents.declarations` instead.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


class FastPath(FastAPI):
    """FastAPI, with a fast path around its router and its middleware.

    Those take more processor than all that our busiest endpoint does: reading, checking, publishing and answering. A
    direct route declares nothing that they would look after, so a request for its very method and path is answered by
    its endpoint, and an error by the handler that FastAPI would choose. All else goes the usual way: other paths and
    methods, the documentation, and every request where somebody has added middleware.

    What is left out with the router is FastAPI's own telemetry: it does not see these requests.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    def include_direct(self, router: APIRouter) -> None:
        """Include the routes of a router; the fast path leads to those that are direct."""
        self.include_router(router)
        for route in router.routes:
            if isinstance(route, DirectRoute) and not route.param_convertors:
                self._endpoints |= {(method, route.path): route.endpoint for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; an unexpected error is answered too, and then raised for the server to log."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        endpoint = None if self.user_middleware else self._endpoints.get((scope["method"], scope["path"]))
        with Watched(scope, direct=endpoint is not None) as watched:
            if endpoint is None:
                await super().__call__(scope, receive, watched.noting(send))
            else:
                await self._answer(endpoint, scope, receive, send, watched)

    async def _answer(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send, watched: Watched) -> None:
        scope["app"] = self
        request = Request(scope, receive, send)
        try:
            response = await endpoint(request)
        except Exception as error:
            handled, handle = self._handler(error)
            response = await handle(request, error)
            watched.status = response.status_code
            await response(scope, receive, send)
            if handled is Exception:
                raise
        else:
            watched.status = response.status_code
            await response(scope, receive, send)

    def _handler(self, error: Exception) -> tuple[type[Exception], Callable[..., Awaitable[Response]]]:
        """Return the handler of the nearest class that has one, with that class."""
        handlers: Any = self.exception_handlers
        return next((cls, handlers[cls]) for cls in type(error).__mro__ if cls in handlers)
