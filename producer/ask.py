"""One request of `POST /predict`, and what became of it."""

import asyncio
import ssl
import time
from types import TracebackType
from typing import Final, Self

import httpx
from msgspec import Struct

from producer.http import headers

#: Outcomes beside the HTTP statuses.
TIMED_OUT: Final = "timed_out"
NO_ANSWER: Final = "no_answer"
ANSWERED: Final = "200"


class Outcome(Struct, frozen=True):
    """What became of one request.

    Attributes:
        status: HTTP status as text, `TIMED_OUT` or `NO_ANSWER`.
        seconds: From the first byte sent to the last one read, or to where it was given up.
        text: The answer's body, or why there is none.
    """

    status: str
    seconds: float
    text: str


class Caller:
    """One of the concurrent clients: a connection of its own, kept alive, as a program of its own would have.

    Args:
        url: Where to post to, with the query.
        timeout: Seconds for an answer, all in all.
        context: For HTTPS. Made once for all callers: it takes longer to make than all else.
        key: API key; "": none.
    """

    def __init__(self, url: str, timeout: float, context: ssl.SSLContext, key: str = "") -> None:
        self._url = url
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            headers=headers(key),
            limits=httpx.Limits(max_connections=1),
            timeout=None,  # noqa: S113  # the whole call has one
            trust_env=False,
            verify=context,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(self, body: bytes) -> Outcome:
        """Send a request once."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(self._url, content=body)
        except TimeoutError:
            status, text = TIMED_OUT, f"no answer within {self._timeout:g} s"
        except httpx.TransportError as exc:
            status, text = NO_ANSWER, f"{type(exc).__name__}: {exc}"
        else:
            status, text = str(response.status_code), response.text
        return Outcome(status, time.perf_counter() - started, text)
