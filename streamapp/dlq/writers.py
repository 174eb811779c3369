"""The port of redriving: records back onto the input topic, each with its marker, by one run at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.delivery.producers import FRAME_BYTES, discard
from streamapp.dlq.plan import Back, Row

#: Part of ours that connects, in the broker's logs.
ROLE: Final = "redrive"
#: Seconds until a broker that does not answer counts as away.
_PATIENCE: Final = 15.0


class Writer(Protocol):
    """Puts records back."""

    async def write(self, records: Sequence[Back]) -> None:
        """Write records and their markers, in order; returns when the broker has acknowledged all of them.

        After an error the writer is of no use any more. What of the records was written is said by the markers.

        Raises:
            AnotherRedrive: Another run has begun.
            BrokerUnavailable: The broker does not answer, or refused.
        """


@asynccontextmanager
async def connected(settings: Settings, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """Connect a producer that takes any record the dead-letter topic can hold, and throw it away at the end.

    It compresses: records that came compressed may be too large for the input topic otherwise.

    Raises:
        KafkaError: The broker refused, or none answers.
        TimeoutError: The broker does not answer.
    """
    largest = settings.max_output_bytes + FRAME_BYTES
    sizes = {"max_batch_size": largest, "max_request_size": largest, "compression_type": "gzip"}
    producer = kafka.producer(settings, ROLE, **sizes, **options)
    try:
        async with asyncio.timeout(_PATIENCE):
            await producer.start()
        yield producer
    finally:
        await discard(producer)


def batch(producer: AIOKafkaProducer, rows: Sequence[Row]) -> Any:
    """Return a record batch. Unlike `send`, it takes a null value with a null key."""
    builder = producer.create_batch()
    now = int(time.time() * 1000)
    for row in rows:
        builder.append(key=row.key, value=row.value, timestamp=now, headers=list(row.headers))
    builder.close()
    return builder
