"""Who knocks at brokers that say nothing keeps to the time that is left."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from streamapp.clients import kafka
from streamapp.clients.entry import require_entry
from streamapp.contracts.settings import load_settings

SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "edge", "sasl_password": "geheim"}


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """Address of a server that lets everybody in and never answers."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(ignore, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_brokers_that_say_nothing_take_no_longer_together_than_was_given(silent: str) -> None:
    settings = load_settings(broker=",".join([silent] * 3), **SASL)
    async with asyncio.timeout(3):
        await require_entry(settings, kafka.connection(settings, "test"), patience=0.6)
