"""What the sinks have written: entries of the mirror, lines of the CSV."""

import csv
from pathlib import Path

from streamapp.contracts.settings import Settings


async def mirrored(settings: Settings) -> int:
    """Return the number of predictions in the Redis mirror."""
    from streamapp.clients.redis import connect

    async with connect(settings) as redis:
        return int(await redis.xlen(settings.redis_predictions_stream))


def csv_rows(path: Path) -> int:
    """Return the number of data rows of the CSV; 0 where it is not there."""
    csv.field_size_limit(2**31 - 1)  # a request's rows stand in one field
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return max(sum(1 for _ in csv.reader(file)) - 1, 0)
    except FileNotFoundError:
        return 0
