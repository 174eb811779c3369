"""Header names that are no UTF-8 stop no consumer, whatever stands around them."""

from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from raw_records import RawName, send_batch
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

GZIP = 1


@pytest.mark.parametrize("compression", [0, GZIP], ids=["plain", "gzip"])
@pytest.mark.parametrize("place", [0, 2, 3], ids=["first", "in the middle", "last"])
async def test_every_record_around_the_name_is_read_once(settings: Settings, place: int, compression: int) -> None:
    await kafka.ensure_topics(settings, topics(settings), "test")
    partition = TopicPartition(settings.input_topic, 0)
    async with kafka.producer(settings, "test") as producer:
        for number in range(3):
            bad = [(RawName(b"\xffa"), b"1"), ("b\u00e9", b"2")]
            good: list[tuple[str, Any]] = [("b\u00e9", b"2"), ("null", None)]
            values = [b"%d-%d" % (number, i) for i in range(4)]
            records = [(value, bad if (number, i) == (1, place) else good) for i, value in enumerate(values)]
            await send_batch(producer, partition.topic, 0, records, compression)
    found: list[Any] = []
    async with kafka.consumer(settings, "test") as consumer:
        consumer.assign([partition])

        async def count() -> int:
            found.extend((await consumer.getmany(timeout_ms=200, max_records=3)).get(partition, ()))
            return len(found)

        await eventually(count, expected=12)
        assert await count() == 12
    assert [(record.offset, record.value) for record in found] == [(i, b"%d-%d" % divmod(i, 4)) for i in range(12)]
    odd = found.pop(4 + place)
    assert dict(odd.headers) == {"\ufffda": b"1", "b\u00e9": b"2"}
    assert all(dict(record.headers) == {"b\u00e9": b"2", "null": None} for record in found)
    assert len({type(odd.headers)} | {type(record.headers) for record in found}) == 1
