"""Consumers without a group's assignment: what there is to read, and their end, however they come to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings


async def partitions(settings: Settings, topic: str, role: str) -> list[TopicPartition]:
    """Return the partitions that a topic has.

    Args:
        settings: The settings in force.
        topic: The topic.
        role: Part of ours that asks.

    Raises:
        KafkaError: No broker answers, or it has no such topic.
    """
    admin = AIOKafkaAdminClient(**kafka.connection(settings, role))
    try:
        await admin.start()
        (description,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if description["error_code"]:
        raise for_code(description["error_code"])(topic)
    return [
        TopicPartition(topic, number) for number in sorted(part["partition"] for part in description["partitions"])
    ]


async def is_past_end(consumer: AIOKafkaConsumer, partition: TopicPartition) -> bool:
    """Say whether a partition ends before a consumer's position, as far as the last fetch told.

    A broker that came back without its data does not always call such an offset out of range, at which aiokafka would
    start anew by itself.
    """
    end = consumer.highwater(partition)
    return end is not None and bool(await consumer.position(partition) > end)


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer, patience: float | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """Start a consumer, and stop it when the block is left.

    Args:
        consumer: The consumer.
        patience: Seconds for the broker to answer what is asked of it at the end, such as to leave a group; None: as
            long as for any request.

    Raises:
        KafkaError: No broker answers, or it refused.
    """
    try:
        await consumer.start()
        yield consumer
    finally:
        await _stop(consumer, patience)


async def _stop(consumer: AIOKafkaConsumer, patience: float | None) -> None:
    """Stop a consumer; where a fetch waits for its retry, aiokafka 0.14 gives up half-way with a CancelledError."""
    stopping = asyncio.create_task(consumer.stop())
    _, hanging = await asyncio.wait([stopping], timeout=patience)
    if hanging:
        await consumer._client.close()  # noqa: SLF001  # requests that wait for their answers fail with it
        _, hanging = await asyncio.wait([stopping], timeout=patience)
    if hanging:
        # aiokafka's fetches overhear a cancellation that comes while they let go of an assignment, and go on.
        stopping.cancel()
        await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()  # noqa: SLF001  # what was left undone
    else:
        stopping.result()
