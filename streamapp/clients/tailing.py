"""Topics as they grow, outside any consumer group."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.clients.errors import broker_errors
from streamapp.clients.scanning import partitions
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings

_ROLE: Final = "reader"
_POLL_MS: Final = 200
#: Seconds until the broker counts as away.
_PATIENCE: Final = 10.0
#: Seconds that the consumer may take to stop.
_STOPPING: Final = 2.0
_OPTIONS: Final = {"request_timeout_ms": 10_000, "fetch_max_wait_ms": 50}


async def tail(
    settings: Settings, topics: Sequence[str], *, from_beginning: bool = False
) -> AsyncGenerator[tuple[str, list[Any]], None]:
    """Read topics for ever, in the order of each partition.

    Args:
        settings: The settings in force.
        topics: Topics to read. The first has to be there; others that are not are left out.
        from_beginning: Whether to start with the oldest records; else with those that come from now on.

    Yields:
        A topic, and neighbouring records of one of its partitions.

    Raises:
        BrokerUnavailable: The broker does not answer, or does not have the topic.
    """
    with broker_errors(settings):
        found = [[TopicPartition(topic, number) for number in await partitions(settings, topic)] for topic in topics]
        if not found[0]:
            raise BrokerUnavailable(f"The broker at {settings.broker} has no topic {topics[0]} (yet).")
        async with started(kafka.consumer(settings, _ROLE, **_OPTIONS), _STOPPING) as consumer:
            consumer.assign(list(chain.from_iterable(found)))
            await (consumer.seek_to_beginning() if from_beginning else _seek_to_now(consumer))
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                    yield partition.topic, records


async def _seek_to_now(consumer: AIOKafkaConsumer) -> None:
    """Go to the ends as fetches bring them: what the embedded broker answers to ListOffsets is too low."""
    await consumer.seek_to_end()
    ahead = consumer.assignment()
    async with asyncio.timeout(_PATIENCE):
        while ahead:
            await consumer.getmany(*ahead, timeout_ms=_POLL_MS)
            for partition in list(ahead):
                if (end := consumer.highwater(partition)) is not None:
                    consumer.seek(partition, end)
                    ahead = ahead - {partition}
