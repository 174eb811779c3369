"""A broker that froze and came back may name no broker in its metadata for a moment: that passes."""

import pytest
from aiokafka import AIOKafkaProducer
from delivery_support import read, scored

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.scoring.records import Outcome


async def test_a_lane_that_finds_no_broker_in_the_metadata_is_opened_again(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kafka.ensure_topics(kafka_settings, topics(kafka_settings), "test")
    started, start = [], AIOKafkaProducer.start

    async def nameless_at_first(producer: AIOKafkaProducer) -> None:
        started.append(producer)
        if len(started) == 2:  # the first is that of the cards
            producer.client.get_random_node = lambda: None
        await start(producer)

    monkeypatch.setattr(AIOKafkaProducer, "start", nameless_at_first)
    delivery = ExactlyOnce(kafka_settings, backoff=0.01)
    await delivery.start()
    await delivery.deliver(Outcome([scored(0, topic=kafka_settings.input_topic)], []))
    await delivery.stop()
    assert len(started) > 2
    assert len(await read(kafka_settings, kafka_settings.predictions_topic, 1)) == 1
