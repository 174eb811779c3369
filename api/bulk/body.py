"""The body of a bulk request, read piece by piece."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.errors import BodyTimeout, Stopping
from api.tasks.closing import Closing


class Body:
    """What a request brings, in pieces as they come.

    A client that sends nothing, or next to nothing, is not waited for without end: each line has to come in time, as
    the body of a request of its own would. Only the time that is spent waiting for the client counts.

    Args:
        request: The request.
        closing: Interrupts the reading when the edge ends.
        patience: Seconds within which each line has to come.

    Attributes:
        at_end: Whether nothing more of it will come.
    """

    def __init__(self, request: Request, closing: Closing, patience: float) -> None:
        self.at_end = False
        self._receive = request.receive
        self._closing = closing
        self._patience = patience
        self._waited = 0.0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            BodyTimeout: No line came in time.
            ClientDisconnect: The client hung up; what has begun of a line is no line.
            Stopping: The edge is told to stop.
        """
        while not self.at_end:
            yield await self._next()

    def line_ended(self) -> None:
        """Give the next line its time."""
        self._waited = 0.0

    async def _next(self) -> bytes:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with self._closing.interrupting(), asyncio.timeout(self._patience - self._waited):
                message = await self._receive()
        except TimeoutError:
            raise self._interrupted() from None
        self._waited += clock() - started
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.at_end = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def _interrupted(self) -> Stopping | BodyTimeout:
        if self._closing.begun:
            return Stopping("The edge is about to end.")
        return BodyTimeout(f"No line came for {self._patience:g} s.")
