"""`python -m soak.load RATE COUNT`: puts so many one-row requests straight on the input topic, and says how many.

At RATE records a second; 0: as fast as they are taken. It costs less of the machine than the traffic of `streamapp
produce`, which would take what is measured away from the parts.
"""

import asyncio
import signal
import sys
from itertools import islice
from typing import Final

import msgspec

from producer.employees import feature_rows
from producer.pacing import paced
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings, load_settings

#: Alias of the model that the load asks for.
MODEL: Final = "lightgbm"
#: Handfuls a second at a given rate, and records in one where there is none.
_HANDFULS: Final = 20
_HANDFUL: Final = 1000
_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024


async def load(settings: Settings, rate: float, count: int, stop: asyncio.Event) -> int:
    """Put records on all partitions in turns until they are all there, or until `stop` is set.

    Args:
        settings: The settings in force.
        rate: Records a second; 0: as fast as they are taken.
        count: How many.
        stop: Ends it early.

    Returns:
        How many the broker acknowledged.
    """
    put = 0
    size = max(1, round(rate / _HANDFULS)) if rate else _HANDFUL
    run, topic = asyncio.get_running_loop().time(), settings.input_topic
    rows = islice(feature_rows(seed=7), _HANDFUL)
    values = [codec.encode_request(msgspec.json.encode([row]), None, MODEL) for row in rows]
    async with kafka.producer(settings, "soak", linger_ms=_LINGER_MS, max_batch_size=_BATCH_BYTES) as producer:
        async for start in paced(range(0, count, size), rate / size, stop):
            sent = [
                await producer.send(
                    topic,
                    values[i % len(values)],
                    partition=i % settings.partitions,
                    headers=codec.request_headers(f"soak-{run}-{i}", "/soak"),
                )
                for i in range(start, min(start + size, count))
            ]
            put += len(await asyncio.gather(*sent))
    return put


async def _main(rate: float, count: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write(f"{await load(load_settings(), rate, count, stop)}\n")


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1]), int(sys.argv[2])))
