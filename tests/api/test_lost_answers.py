"""Only the answer to a produce request is lost: no record is on the input topic twice, none is claimed wrongly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import Enum
from pathlib import Path

import pytest
from chaos.brokers import Broker, Embedded, Kafka
from chaos.proxy import Weather
from edge_support import records
from waiting import eventually

from api.admission.room import Room
from api.publishing.publisher import Publisher
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes


class Loss(Enum):
    """What becomes of the connection that an answer was lost on."""

    HANG_UP = "it ends"
    SILENCE = "it stays, and nothing comes over it any more"


@contextlib.asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings, Room())
    task = asyncio.create_task(publisher.run())
    await publisher.topics_ready.wait()
    yield publisher
    task.cancel()
    await asyncio.wait([task])


async def publish(publisher: Publisher, number: int) -> bool:
    """Publish a record under a number; say whether it is claimed to be there."""
    try:
        await publisher.publish(b"%d" % number, [], publisher._settings.input_topic)
    except BrokerUnavailable:
        return False
    return True


async def publish_unheard(broker: Broker, publisher: Publisher, number: int, loss: Loss) -> bool:
    """Publish a record whose answer is lost; say whether it is claimed to be there."""
    with broker.proxy.weather(Weather(loses_produce_responses=True), "edge"):
        claiming = asyncio.create_task(publish(publisher, number))
        await eventually(lambda: broker.proxy.lost["edge"] > 0, "the answer to be lost")
        if loss is Loss.SILENCE:
            await asyncio.wait([claiming])
    return await claiming


async def on_the_topic(settings: Settings, broker: Broker, loss: Loss) -> tuple[bool, list[int]]:
    """Publish three records, losing the answer to the second: whether that one is claimed, and all that is there."""
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{broker.proxy.port}"})
    async with broker.proxy:
        await broker.start()
        async with publishing(settings) as publisher:
            assert await publish(publisher, 0)
            claimed = await publish_unheard(broker, publisher, 1, loss)
            await eventually(lambda: publisher._room.taken, expected=0)
            assert await publish(publisher, 2)
        return claimed, sorted(int(record.value) for record in await records(settings, 3))


@pytest.mark.parametrize("loss", Loss)
async def test_a_broker_with_idempotent_producers_is_asked_again_and_keeps_one(
    needs_kafka: None, own: Processes, settings: Settings, tmp_path: Path, loss: Loss
) -> None:
    claimed, there = await on_the_topic(settings, Kafka(own, tmp_path / "kafka"), loss)
    # An answer that is lost with its connection is asked for again at once; one that does not come, only when the
    # caller has been told that it did not.
    assert claimed == (loss is Loss.HANG_UP)
    assert there == [0, 1, 2]


@pytest.mark.parametrize("loss", Loss)
async def test_a_broker_without_them_is_not_asked_again(own: Processes, settings: Settings, loss: Loss) -> None:
    claimed, there = await on_the_topic(settings, Embedded(own), loss)
    assert not claimed
    assert there == [0, 1, 2]
