"""Finished predictions, as the sinks worker keeps them in Redis."""

from types import TracebackType
from typing import Final, Self

from redis.exceptions import RedisError

from streamapp.clients.redis import connect
from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings

#: Seconds for a connection and for an answer.
_TIMEOUT: Final = 1.0


class Lookup:
    """Reads predictions by the id of their request; a context manager that closes the connections.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._key = settings.prediction_key
        self._redis = connect(settings, _TIMEOUT)

    async def get(self, record_id: str) -> bytes | None:
        """Return the prediction's JSON, or None where there is none (yet, or any more).

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        try:
            value: bytes | None = await self._redis.get(self._key(record_id))  # type: ignore[assignment]
        except (RedisError, OSError) as exc:
            raise RedisUnavailable(f"Redis does not answer ({type(exc).__name__}); ask again later.") from exc
        return value

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()
