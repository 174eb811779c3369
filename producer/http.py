"""Requests over HTTP: one client, connections kept alive."""

from types import TracebackType
from typing import Final, Self

import httpx

from producer.messages import Call
from producer.summary import NO_ANSWER

_HEADERS: Final = {"content-type": "application/json"}


def headers(key: str) -> dict[str, str]:
    """Return the headers of a request; "" is no API key."""
    return {**_HEADERS, "authorization": f"Bearer {key}"} if key else _HEADERS


class HttpSender:
    """Posts requests to the edge.

    Args:
        url: Base URL of the edge.
        connections: Most connections at a time.
        timeout: Seconds for an answer.
        key: API key; "": none.

    Attributes:
        last_error: Why the last request without an answer had none; "" where all had one.
    """

    def __init__(self, url: str, connections: int, timeout: float = 10.0, key: str = "") -> None:
        self._url = f"{url.rstrip('/')}/predict_stream"
        self.last_error = ""
        self._client = httpx.AsyncClient(
            headers=headers(key),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=timeout,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, call: Call) -> str:
        """Send a request once; returns the answer's status as text, or `NO_ANSWER`."""
        try:
            response = await self._client.post(self._url, params={"model": call.model}, content=call.body)
        except httpx.TransportError as exc:
            self.last_error = f"{self._url}: {type(exc).__name__}: {exc}"
            return NO_ANSWER
        return str(response.status_code)
