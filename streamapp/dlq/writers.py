"""The port of redriving: records back onto their input topics, each with its marker, by one run at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

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


def lock(settings: Settings) -> str:
    """Return the name under which the broker keeps runs apart: `TOPIC/redrive`.

    It is named after the topic of the markers, which is what two runs must not write at once, whatever their consumer
    groups are. No topic's name has a slash, so nothing else of ours has this name.
    """
    return f"{settings.redriven_topic}/redrive"


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
            await _start(producer)
        yield producer
    finally:
        await discard(producer)


async def _start(producer: AIOKafkaProducer) -> None:
    try:
        await producer.start()
    except AssertionError as exc:  # aiokafka's, where there is nobody to ask for the transaction coordinator
        raise KafkaConnectionError("It names no broker in its metadata yet.") from exc


def batch(producer: AIOKafkaProducer, rows: Sequence[Row]) -> Any:
    """Return a record batch. Unlike `send`, it takes a null value with a null key."""
    builder = producer.create_batch()
    now = int(time.time() * 1000)
    for row in rows:
        builder.append(key=row.key, value=row.value, timestamp=now, headers=list(row.headers))
    builder.close()
    return builder
