"""What a broker can do is found out by asking it."""

import pytest

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded.processes import free_port


async def test_the_embedded_broker_has_no_transactions(settings: Settings) -> None:
    assert not await kafka.transactions(settings, "test")


async def test_kafka_has_transactions(kafka_settings: Settings) -> None:
    assert await kafka.transactions(kafka_settings, "test")


async def test_a_broker_that_is_away_is_named_and_not_taken_for_one_without() -> None:
    settings = load_settings(broker=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnavailable, match=f"{settings.broker}.*STREAMAPP_BROKER"):
        await kafka.transactions(settings, "test", patience=0.5)
