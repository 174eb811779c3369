"""The body of a bulk request, read piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.closing import Closing
from api.errors import BodyTimeout, Stopping

#: Seconds within which the next piece has to come. A request takes its memory before its first byte, so that a few
#: clients that send nothing would else keep all others out; a network that loses packets is silent for less.
PATIENCE: Final = 30.0


class Body:
    """What a request brings, in pieces as they come.

    Args:
        request: The request.
        closing: Interrupts the reading when the edge ends.

    Attributes:
        at_end: Whether nothing more of it will come.
    """

    def __init__(self, request: Request, closing: Closing) -> None:
        self.at_end = False
        self._receive = request.receive
        self._closing = closing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces.

        Raises:
            BodyTimeout: No piece came in time.
            ClientDisconnect: The client hung up; what has begun of a line is no line.
            Stopping: The edge is told to stop.
        """
        while not self.at_end:
            yield await self._next()

    async def _next(self) -> bytes:
        try:
            async with self._closing.interrupting(), asyncio.timeout(PATIENCE):
                message = await self._receive()
        except TimeoutError:
            raise self._interrupted() from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self.at_end = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def _interrupted(self) -> Stopping | BodyTimeout:
        if self._closing.begun:
            return Stopping("The edge is about to end.")
        return BodyTimeout(f"Nothing came for {PATIENCE:g} s.")
