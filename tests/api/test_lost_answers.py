"""Only the answer to a produce request is lost: no record is on the input topic twice, none is claimed wrongly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from apache_kafka import ApacheKafka
from edge_support import records
from lossy_proxy import Loss, LossyProxy
from waiting import eventually

from api.publisher import Publisher
from api.room import Room
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Processes]:
    async with Processes(tmp_path / "logs") as processes:
        yield processes


@contextlib.asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings, Room())
    task = asyncio.create_task(publisher.run())
    await publisher.topics_ready.wait()
    yield publisher
    task.cancel()
    await asyncio.wait([task])


def behind(settings: Settings, proxy: int) -> Settings:
    return settings.model_copy(update={"broker": f"127.0.0.1:{proxy}"})


async def publish(publisher: Publisher, number: int) -> bool:
    """Publish a record under a number; say whether it is claimed to be there."""
    try:
        await publisher.publish(b"%d" % number, [])
    except BrokerUnavailable:
        return False
    return True


@pytest.mark.parametrize("loss", Loss)
async def test_a_broker_with_idempotent_producers_is_asked_again_and_keeps_one(
    needs_kafka: None, own: Processes, settings: Settings, tmp_path: Path, loss: Loss
) -> None:
    port = free_port()
    kafka = ApacheKafka(own, tmp_path / "kafka", advertised_listeners=f"PLAINTEXT://127.0.0.1:{port}")
    settings = behind(settings, port)
    async with LossyProxy(port, kafka.port) as proxy:
        await kafka.start()
        async with publishing(settings) as publisher:
            assert await publish(publisher, 0)
            proxy.lose_next(loss)
            claimed = await publish(publisher, 1)
            # An answer that is lost with its connection is asked for again at once; one that does not come, only
            # when the caller has been told that it did not.
            assert claimed == (loss is Loss.HANG_UP)
            await eventually(lambda: publisher._room.taken, expected=0)
            assert await publish(publisher, 2)
        assert proxy.lost
        assert sorted(int(record.value) for record in await records(settings, 3)) == [0, 1, 2]


@pytest.mark.parametrize("loss", Loss)
async def test_a_broker_without_them_is_not_asked_again(own: Processes, settings: Settings, loss: Loss) -> None:
    port, direct = free_port(), free_port()
    program = services.broker(direct)
    advertised = [*program.argv]
    advertised[advertised.index("--advertised-listener-url") + 1] = f"tcp://127.0.0.1:{port}"
    settings = behind(settings, port)
    async with LossyProxy(port, direct) as proxy:
        await own.run(msgspec.structs.replace(program, argv=tuple(advertised)))
        async with publishing(settings) as publisher:
            assert await publish(publisher, 0)
            proxy.lose_next(loss)
            assert not await publish(publisher, 1)
            await eventually(lambda: publisher._room.taken, expected=0)
            assert await publish(publisher, 2)
        assert proxy.lost
        assert sorted(int(record.value) for record in await records(settings, 3)) == [0, 1, 2]
