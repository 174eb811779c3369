"""The sinks on Apache Kafka: only what was committed is kept, once, whatever becomes of the broker."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from apache_kafka import ApacheKafka
from sinks_support import BACKENDS, Backend, by_partition, following, ids, origin, predict, prediction
from waiting import eventually

from streamapp.clients import kafka
from streamapp.clients.consuming import partitions
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Processes
from streamapp.sinks import source


@pytest.fixture(params=BACKENDS)
def kafka_backend(request: pytest.FixtureRequest, kafka_settings: Settings) -> Backend:
    """Each sink in turn."""
    return BACKENDS[request.param](kafka_settings)


@contextlib.asynccontextmanager
async def transactional(settings: Settings, name: str) -> AsyncIterator[AIOKafkaProducer]:
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test", transactional_id=f"{settings.group}-{name}") as producer:
        yield producer


async def write(producer: AIOKafkaProducer, settings: Settings, offsets: Iterable[int], clock: int = 1000) -> None:
    """Write the predictions of requests at these input offsets within the transaction that is open."""
    for offset in offsets:
        value, headers = prediction(f"0-{offset}@{clock}"), origin(0, offset, clock + offset)
        await producer.send_and_wait(settings.predictions_topic, value, partition=0, headers=headers)


async def test_what_a_transaction_aborts_is_never_kept_and_its_marks_are_no_gap(
    kafka_settings: Settings, kafka_backend: Backend
) -> None:
    async with transactional(kafka_settings, "a") as producer:
        for start in (0, 10, 20):
            await producer.begin_transaction()
            await write(producer, kafka_settings, range(start, start + 10), clock=5)
            await producer.abort_transaction()
            async with producer.transaction():
                await write(producer, kafka_settings, range(start, start + 5))
            async with following(kafka_settings, kafka_backend.sink()):
                async with producer.transaction():
                    await write(producer, kafka_settings, range(start + 5, start + 10))
                await eventually(kafka_backend.ids, expected=ids(range(start + 10)))


async def test_what_lies_behind_an_open_transaction_is_kept_once_it_has_ended(
    kafka_settings: Settings, kafka_backend: Backend
) -> None:
    async with transactional(kafka_settings, "open") as slow, transactional(kafka_settings, "other") as quick:
        await predict(kafka_settings, range(3))
        await slow.begin_transaction()
        await write(slow, kafka_settings, [3])
        async with quick.transaction():
            await write(quick, kafka_settings, [4])
        async with following(kafka_settings, kafka_backend.sink()):
            await eventually(kafka_backend.ids, expected=ids(range(3)))
        async with following(kafka_settings, kafka_backend.sink()):
            await slow.commit_transaction()
            await eventually(kafka_backend.ids, expected=ids(range(5)))


async def test_a_topic_that_ends_with_an_open_transaction_is_at_rest(
    kafka_settings: Settings, kafka_backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async with transactional(kafka_settings, "open") as producer:
        await predict(kafka_settings, range(3))
        await producer.begin_transaction()
        await write(producer, kafka_settings, range(3, 6), clock=5)
        async with following(kafka_settings, kafka_backend.sink()):
            await eventually(kafka_backend.ids, expected=ids(range(3)))
            await producer.abort_transaction()
            await predict(kafka_settings, range(3, 6))
            await eventually(kafka_backend.ids, expected=ids(range(6)))
    assert not [
        record for record in caplog.records if record.name.startswith("streamapp.sinks") and record.levelno > 20
    ]


async def test_a_broker_that_is_killed_and_comes_back_with_its_data_costs_and_repeats_nothing(
    needs_kafka: None, own_processes: Processes, settings: Settings, tmp_path: Path
) -> None:
    broker = ApacheKafka(own_processes, tmp_path / "kafka")
    settings = settings.model_copy(update={"broker": broker.address})
    backends = [make(settings) for make in BACKENDS.values()]
    await broker.start()
    async with contextlib.AsyncExitStack() as feeds:
        for backend in backends:
            await feeds.enter_async_context(following(settings, backend.sink()))
        for start in (0, 200):
            for partition in range(settings.partitions):
                await predict(settings, range(start, start + 100), partition=partition)
            await broker.kill()
            await broker.start()
            for partition in range(settings.partitions):
                await predict(settings, range(start + 100, start + 200), partition=partition)
        everything = {number: ids(range(400), partition=number) for number in range(settings.partitions)}
        for backend in backends:
            await eventually(lambda backend=backend: by_partition_of(backend), expected=everything, timeout=60)


async def test_partitions_that_are_added_to_the_topic_are_followed(
    kafka_settings: Settings, kafka_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(source._OPTIONS, "metadata_max_age_ms", 200)
    await predict(kafka_settings, range(5))
    async with following(kafka_settings, kafka_backend.sink()):
        await eventually(kafka_backend.ids, expected=ids(range(5)))
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_settings.broker)
        await admin.start()
        await admin.create_partitions(
            {kafka_settings.predictions_topic: NewPartitions(kafka_settings.partitions + 1)}
        )
        await admin.close()
        added = kafka_settings.partitions
        await eventually(lambda: count(kafka_settings), "the partition to be known", expected=added + 1)
        await predict(kafka_settings, range(5), partition=added)
        expected = {0: ids(range(5)), added: ids(range(5), partition=added)}
        await eventually(lambda: by_partition_of(kafka_backend), expected=expected)
        await predict(kafka_settings, range(5, 10))
        expected = {0: ids(range(10)), added: ids(range(5), partition=added)}
        await eventually(lambda: by_partition_of(kafka_backend), expected=expected)


async def count(settings: Settings) -> int:
    return len(await partitions(settings, settings.predictions_topic, "test"))


async def by_partition_of(backend: Backend) -> dict[int, list[str]]:
    return by_partition(await backend.ids())
