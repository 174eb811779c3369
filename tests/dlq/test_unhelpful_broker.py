"""A broker that names none in its metadata, as one may that froze and came back, or that hangs: one error says so."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from dlq_support import create

from streamapp.clients.scanning import partitions
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.dlq import turn, writers
from streamapp.dlq.exclusive import exclusive
from streamapp.dlq.transactional import transactional

Connect = Callable[[Settings], AbstractAsyncContextManager[Any]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_PATIENCE", 1.0)
    monkeypatch.setattr(writers, "_PATIENCE", 1.0)


@pytest.fixture
async def nameless(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a broker that names none to the clients of this process."""
    await create(settings)
    monkeypatch.setattr(AIOKafkaClient, "get_random_node", lambda _: None)
    return settings


@pytest.fixture
async def silent(settings: Settings) -> AsyncIterator[Settings]:
    """Settings with a broker that accepts connections and never answers."""
    accepted: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    async with server:
        yield settings.model_copy(update={"broker": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"})
        for writer in accepted:
            writer.close()


async def test_reading_ends_with_the_broker_named(nameless: Settings) -> None:
    with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
        await partitions(nameless, nameless.dead_letters_topic)


@pytest.mark.parametrize("connect", [transactional, exclusive])
async def test_redriving_ends_with_the_broker_named(nameless: Settings, connect: Connect) -> None:
    with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
        async with connect(nameless):
            pass


@pytest.mark.parametrize("connect", [transactional, exclusive])
async def test_a_broker_that_hangs_is_not_taken_for_another_run(silent: Settings, connect: Connect) -> None:
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        async with connect(silent):
            pass
