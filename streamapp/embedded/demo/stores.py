"""What the sinks have written: entries of the mirror, lines of the CSV."""

import csv
from pathlib import Path

from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings


async def mirrored(settings: Settings) -> int:
    """Return the number of predictions in the Redis mirror.

    Raises:
        RedisUnavailable: It does not answer.
    """
    from redis.exceptions import RedisError

    from streamapp.clients.redis import connect

    try:
        async with connect(settings) as redis:
            return int(await redis.xlen(settings.redis_predictions_stream))
    except RedisError as exc:
        raise RedisUnavailable(f"Redis does not say how much it mirrors: {exc}") from exc


def csv_rows(path: Path) -> int:
    """Return the number of data rows of the CSV; 0 where it is not there."""
    csv.field_size_limit(2**31 - 1)  # a request's rows stand in one field
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return max(sum(1 for _ in csv.reader(file)) - 1, 0)
    except FileNotFoundError:
        return 0
