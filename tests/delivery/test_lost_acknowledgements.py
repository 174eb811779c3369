"""A produce request whose answer is lost is written once, on brokers that can tell repeats and on one that cannot."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apache_kafka
import pytest
from chaos.brokers import Broker, Embedded, Kafka
from chaos.proxy import CLEAR, Weather
from delivery_support import read, refused, scored
from unique import unique_settings
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.delivery.port import Delivery
from streamapp.embedded.processes import Processes
from streamapp.scoring.records import Outcome

#: Whether a broker can tell repeats.
KINDS = {"embedded, at_least_once": False, "kafka, at_least_once": True, "kafka, exactly_once": True}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if KINDS[request.param]:
        apache_kafka.require()
    return str(request.param)


@pytest.fixture
async def broker(kind: str, processes: Processes, tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Kafka(processes, tmp_path / "kafka") if KINDS[kind] else Embedded(processes)
    async with broker.proxy:
        await broker.start()
        yield broker
        await broker.kill()


@pytest.fixture
async def settings(broker: Broker, tmp_path: Path) -> Settings:
    settings = unique_settings(f"127.0.0.1:{broker.proxy.port}", "redis://127.0.0.1:1/0", tmp_path)
    await kafka.ensure_topics(settings, topics(settings), "test")
    return settings


@pytest.fixture
async def delivery(kind: str, settings: Settings) -> AsyncIterator[Delivery]:
    delivery = ExactlyOnce(settings) if "exactly" in kind else AtLeastOnce(settings, idempotent=KINDS[kind])
    await delivery.start()
    yield delivery
    await delivery.stop()


def outcome(settings: Settings, start: int) -> Outcome:
    topic = settings.input_topic
    return Outcome(
        [scored(i, value=b"%d" % i, topic=topic) for i in range(start, start + 5)],
        [refused(start + 5, partition=0, topic=topic)],
    )


async def test_a_batch_whose_acknowledgement_is_lost_is_there_once(
    broker: Broker, settings: Settings, delivery: Delivery
) -> None:
    await delivery.deliver(outcome(settings, 0))
    broker.proxy.set("worker", Weather(loses_produce_responses=True))
    pending = asyncio.create_task(delivery.deliver(outcome(settings, 6)))
    await eventually(lambda: broker.proxy.lost["worker"] > 0, "the loss")
    broker.proxy.set("worker", CLEAR)
    broker.proxy.cut("worker")
    async with asyncio.timeout(60):
        await pending
        await delivery.deliver(outcome(settings, 12))
    found = await read(settings, settings.predictions_topic, 15)
    assert [int(record.value) for record in found] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16]
    letters = await read(settings, settings.dead_letters_topic, 3)
    assert [dict(letter.headers)["dl_offset"] for letter in letters] == [b"5", b"11", b"17"]


async def test_two_input_topics_that_deliver_to_one_partition_at_once_repeat_and_lose_nothing(
    broker: Broker, settings: Settings, delivery: Delivery
) -> None:
    slow = settings.topic_of("marketplace")
    own, other = {}, {}
    for start in range(0, 10, 5):
        own[start] = Outcome(
            [scored(i, value=b"%d" % i, topic=settings.input_topic) for i in range(start, start + 5)], []
        )
        other[start] = Outcome([scored(i, value=b"%d" % (100 + i), topic=slow) for i in range(start, start + 5)], [])
    await asyncio.gather(delivery.deliver(own[0]), delivery.deliver(other[0]))
    broker.proxy.set("worker", Weather(loses_produce_responses=True))
    pending = asyncio.gather(delivery.deliver(own[5]), delivery.deliver(other[5]))
    await eventually(lambda: broker.proxy.lost["worker"] > 0, "the loss")
    broker.proxy.set("worker", CLEAR)
    broker.proxy.cut("worker")
    async with asyncio.timeout(60):
        await pending
    found = [int(record.value) for record in await read(settings, settings.predictions_topic, 20)]
    assert [number for number in found if number < 100] == list(range(10))
    assert [number for number in found if number >= 100] == list(range(100, 110))


async def test_a_request_that_never_arrived_is_sent_again(
    broker: Broker, settings: Settings, delivery: Delivery
) -> None:
    await delivery.deliver(outcome(settings, 0))
    broker.proxy.set("worker", Weather(black_hole=True))
    pending = asyncio.create_task(delivery.deliver(outcome(settings, 6)))
    await eventually(lambda: broker.proxy.lost["worker"] > 0, "the loss")
    broker.proxy.set("worker", CLEAR)
    async with asyncio.timeout(60):
        await pending
    found = await read(settings, settings.predictions_topic, 10)
    assert [int(record.value) for record in found] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
