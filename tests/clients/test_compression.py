"""Records that other programs have compressed are read, whichever way."""

import pytest
from aiokafka import TopicPartition

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(settings: Settings, codec: str) -> None:
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test", compression_type=codec) as producer:
        await producer.send_and_wait(settings.input_topic, b"x" * 1000, partition=0)
    async with kafka.consumer(settings, "test") as consumer:
        consumer.assign([TopicPartition(settings.input_topic, 0)])
        assert (await consumer.getone()).value == b"x" * 1000
