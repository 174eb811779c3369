"""Requests watched: which route, for which model, how it was answered, how long it took."""

import time
from http import HTTPStatus
from typing import Final, Self

from fastapi import Request
from starlette.types import Message, Scope, Send

from api.telemetry import spans
from streamapp.metrics import edge as metrics

#: Where a request keeps which model it asks; there from the gate on where it asks for predictions.
_MODEL: Final = "streamapp.model"
#: Where it keeps the status that its caller got in the place of its answer.
_REFUSED: Final = "streamapp.refused"


def asks(request: Request, model: str = metrics.OTHER) -> None:
    """Take note that a request asks a model for predictions.

    Args:
        request: The request.
        model: Alias of a model that is served.
    """
    request.scope[_MODEL] = model


def refused(scope: Scope, status: int) -> None:
    """Take note that a request that is being answered was given another answer, and is to be counted with that.

    Args:
        scope: The request.
        status: HTTP status of the answer that its caller got.
    """
    scope[_REFUSED] = status


class Watched:
    """A context in which one request is answered; at its end the request is counted.

    Args:
        scope: The request.
        direct: Whether its path is the template of its route.

    Attributes:
        status: HTTP status of the answer that is being sent; that of an error until something is.
    """

    __slots__ = ("_began", "_direct", "_scope", "status")

    def __init__(self, scope: Scope, *, direct: bool) -> None:
        self._scope = scope
        self._direct = direct
        self.status: int = HTTPStatus.INTERNAL_SERVER_ERROR
        self._began = time.perf_counter()

    def __enter__(self) -> Self:
        _under_way.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _under_way.discard(self)
        seconds = time.perf_counter() - self._began
        route, model = self._route, self._scope.get(_MODEL, "")
        status = self._scope.get(_REFUSED, self.status)
        metrics.answered(route, model, status, seconds)
        spans.end(self._scope, route, model, status)

    def noting(self, send: Send) -> Send:
        """Return what sends the answer, and notes its status; for who does not know it before."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            await send(message)

        return noted

    @property
    def _route(self) -> str:
        """Template of the route: few, whatever paths are asked for."""
        return (
            self._scope["path"] if self._direct else getattr(self._scope.get("route"), "path_format", metrics.OTHER)
        )


#: Requests that are not answered yet. A number as an attribute of the class would cost more: whenever one is set, the
#: interpreter looks up all others anew.
_under_way: Final[set[Watched]] = set()
# Asked when a page is: that costs a request a tenth of what a gauge does.
metrics.IN_PROGRESS.set_function(lambda: len(_under_way))
