"""A part of the edge that has connections to Redis."""

from types import TracebackType
from typing import Final, Self

from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings

#: Seconds for a connection and for an answer: requests wait for it. An edge that is busy itself takes some tenths.
_TIMEOUT: Final = 1.0


class OwnRedis:
    """Has connections of its own; a context manager that closes them.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._redis: Final = connect(settings, _TIMEOUT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()
