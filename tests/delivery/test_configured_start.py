"""The delivery of the settings starts beside others that make its topics."""

import asyncio
import logging

import pytest
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery import configured
from streamapp.delivery.configured import Configured


async def test_a_replies_topic_that_is_just_being_made_is_waited_for(
    kafka_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "streamapp")
    delivery = Configured(kafka_settings)
    starting = asyncio.create_task(delivery.start())
    await eventually(lambda: "cannot be asked for yet: UnknownTopicOrPartitionError" in caplog.text)
    await kafka.ensure_topics(kafka_settings, topics(kafka_settings), "test")
    await starting
    await delivery.stop()


async def test_a_replies_topic_that_nobody_makes_is_told(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "_PATIENCE", 0.5)
    with pytest.raises(BrokerUnavailable, match=f"{kafka_settings.replies_topic} .* cannot be asked for"):
        await Configured(kafka_settings).start()
