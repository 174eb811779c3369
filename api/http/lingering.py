"""Answers to requests that are still being sent."""

import asyncio
import contextlib
from typing import Final

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.tasks.closing import Closing

#: Seconds for which what still comes of a request is read and dropped: many clients read no answer before they have
#: sent all.
_LINGER: Final = 30.0
#: Seconds of it that are left where the edge is told to stop: the answer gets to those who do read.
_LINGER_AT_END: Final = 1.0


class Lingering(Response):
    """A response that goes out before its request has come to its end; then the connection is closed.

    It is not closed at once: a connection with bytes that nobody has read is reset, and that can take the response
    from a client that has not read it yet.

    Args:
        response: What to answer.
        closing: Cuts it short when the edge ends.
    """

    def __init__(self, response: Response, closing: Closing) -> None:
        super().__init__(response.body, response.status_code, dict(response.headers))
        self.headers["Connection"] = "close"
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI
        """Send the response, drop the rest of the request, and end."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with self._closing.interrupting(_LINGER_AT_END), asyncio.timeout(_LINGER):
                while (await receive()).get("more_body"):
                    pass
        await send({"type": "http.response.body"})
