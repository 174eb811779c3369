"""Finished predictions, as the sinks worker keeps them in Redis."""

from redis.exceptions import RedisError

from api.own_redis import OwnRedis
from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings


class Lookup(OwnRedis):
    """Reads predictions by the id of their request; a context manager that closes the connections.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._key = settings.prediction_key

    async def get(self, record_id: str, owner: str = "") -> bytes | None:
        """Return the prediction's JSON, or None where there is none (yet, or any more).

        Args:
            record_id: Id of its request.
            owner: Who asks: what is of this owner, or for everybody, is found.

        Raises:
            RedisUnavailable: Redis does not answer.
        """
        try:
            found: list[bytes | None] = await self._redis.mget(  # type: ignore[assignment]
                [self._key(record_id, name) for name in dict.fromkeys((owner, ""))]
            )
        except (RedisError, OSError) as exc:
            raise RedisUnavailable(f"Redis does not answer ({type(exc).__name__}); ask again later.") from exc
        return next((value for value in found if value is not None), None)
