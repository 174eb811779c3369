"""What counts as caught up: what is on the input topic at that moment, committed partition by partition."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from chaos.observe import Observer
from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

RECORDS = {0: 5, 1: 3}


@pytest.fixture
async def group(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Records on two partitions, and a client that commits for the workers' group."""
    await kafka.ensure_topics(settings, topics(settings), "tests")
    async with started(kafka.producer(settings, "tests", enable_idempotence=False)) as producer:
        for partition, count in RECORDS.items():
            for _ in range(count):
                await producer.send_and_wait(settings.input_topic, b"{}", partition=partition)
    async with started(kafka.consumer(settings, "tests", group_id=settings.group)) as consumer:
        consumer.assign([TopicPartition(settings.input_topic, partition) for partition in RECORDS])
        yield consumer


async def test_what_one_partition_has_done_makes_up_for_no_other(settings: Settings, group: AIOKafkaConsumer) -> None:
    first, second = (TopicPartition(settings.input_topic, partition) for partition in RECORDS)
    observer = Observer(settings)
    await observer.open()
    await group.commit({first: 5, second: 1})
    assert await observer.caught_up(1.0) == 2
    await group.commit({second: 3})
    assert await observer.caught_up(20.0) == 0
    await observer.close()


async def test_a_record_that_comes_later_is_known_at_once(settings: Settings, group: AIOKafkaConsumer) -> None:
    first, second = (TopicPartition(settings.input_topic, partition) for partition in RECORDS)
    observer = Observer(settings)
    await observer.open()
    await group.commit({first: 5, second: 3})
    assert await observer.caught_up(20.0) == 0
    async with started(kafka.producer(settings, "tests", enable_idempotence=False)) as producer:
        await producer.send_and_wait(settings.input_topic, b"{}", partition=0)
        assert await observer.caught_up(1.0) == 1
    await observer.close()
