"""Delivery on the real broker: all acknowledged, in order, with the headers that consumers rely on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from delivery_support import CARD, TRACEPARENT, read, refused, scored

from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics
from streamapp.delivery import producers, wire
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.producers import BATCH_BYTES
from streamapp.delivery.records import Target
from streamapp.delivery.wire import Output
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port
from streamapp.scoring.records import Outcome


@pytest.fixture
async def delivery(settings: Settings) -> AsyncIterator[AtLeastOnce]:
    await kafka.ensure_topics(settings, topics(settings), "test")
    delivery = AtLeastOnce(settings)
    await delivery.start()
    yield delivery
    await delivery.stop()


async def test_predictions_keep_partition_order_key_and_trace(delivery: AtLeastOnce, settings: Settings) -> None:
    await delivery.deliver(Outcome([scored(i, i % 2, b"%d" % i, b"k%d" % i) for i in range(100)], []))
    found = await read(settings, settings.predictions_topic, 100)
    for partition in (0, 1):
        values = [int(record.value) for record in found if record.partition == partition]
        assert values == list(range(partition, 100, 2))
    record = next(record for record in found if record.value == b"7")
    assert record.key == b"k7"
    assert dict(record.headers) == {
        "ce_id": b"id-7",
        "ce_source": b"/streamapp/worker/" + settings.group.encode(),
        "ce_type": b"streamapp.prediction",
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
        "input_topic": b"in",
        "input_partition": b"1",
        "input_offset": b"7",
        "input_timestamp": b"1700000000123",
        "traceparent": TRACEPARENT,
    }


@pytest.mark.parametrize("value", [b"junk", b"", None], ids=["bytes", "empty", "null"])
async def test_a_dead_letter_keeps_its_bytes_and_says_why(
    delivery: AtLeastOnce, settings: Settings, value: bytes | None
) -> None:
    await delivery.deliver(Outcome([], [refused(5, value)]))
    (record,) = await read(settings, settings.dead_letters_topic, 1)
    assert (record.partition, record.value, record.key) == (1, value, None)
    letter = codec.decode_dead_letter(record.key, record.value, record.headers)
    assert (letter.code, letter.error, letter.topic, letter.partition, letter.offset) == (
        "malformed_json",
        "MalformedRecord",
        "in",
        1,
        5,
    )
    assert letter.headers == (("ce_id", b"x"),)
    assert letter.message == "m" * 500


async def test_an_outcome_larger_than_a_record_batch_arrives_whole(delivery: AtLeastOnce, settings: Settings) -> None:
    large = settings.max_output_bytes - 2000
    sizes = [100, BATCH_BYTES - 50, BATCH_BYTES, 100, large, 100]
    await delivery.deliver(Outcome([scored(i, 0, b"x" * size) for i, size in enumerate(sizes)], []))
    found = await read(settings, settings.predictions_topic, len(sizes))
    assert [len(record.value) for record in found] == sizes


async def test_keys_and_headers_count_in_the_size_of_a_record_batch(delivery: AtLeastOnce) -> None:
    record = Output(b"k" * 100, b"v" * 200, wire.headers((f"name-{i}", b"x" * 60) for i in range(9)), 0)
    made = list(producers.batches(delivery._started(), [record] * 2600, load_settings()))
    assert sum(each.batch.record_count() for each in made) == 2600
    assert max(each.batch.size() for each in made) < BATCH_BYTES + 1000


async def test_a_record_batch_is_no_larger_than_its_topic_takes(settings: Settings) -> None:
    small = settings.model_copy(update={"max_record_bytes": 16 * 1024})
    await kafka.ensure_topics(small, topics(small), "test")
    delivery = AtLeastOnce(small)
    await delivery.start()
    made = list(producers.batches(delivery._started(), [Output(None, b"v" * 400, wire.headers(()), 0)] * 2000, small))
    assert max(each.batch.size() for each in made) <= 4 * small.max_record_bytes + 64 * 1024
    await delivery.deliver(Outcome([scored(i, 0, b"v" * 400) for i in range(2000)], []))
    await delivery.stop()
    assert len(await read(small, small.predictions_topic, 2000)) == 2000


async def test_a_dead_letter_too_large_for_its_topic_goes_without_its_bytes(
    delivery: AtLeastOnce, settings: Settings
) -> None:
    await delivery.deliver(Outcome([], [refused(5, b"x" * (settings.max_output_bytes + 1))]))
    (record,) = await read(settings, settings.dead_letters_topic, 1)
    letter = codec.decode_dead_letter(record.key, record.value, record.headers)
    assert (record.value, letter.code, letter.offset) == (None, "malformed_json", 5)


async def test_what_was_given_up_is_not_delivered(delivery: AtLeastOnce, settings: Settings) -> None:
    await delivery.deliver(Outcome([scored(0)], []), given_up=lambda: True)
    await delivery.deliver(Outcome([scored(1)], []))
    (record,) = await read(settings, settings.predictions_topic, 1)
    assert dict(record.headers)["ce_id"] == b"id-1"


async def test_whoever_waits_for_its_turn_may_give_up(delivery: AtLeastOnce, settings: Settings) -> None:
    async with delivery._turns[Target(settings.predictions_topic, 0)]:
        looks = iter([False, False, True])
        async with asyncio.timeout(5):
            await delivery.deliver(Outcome([scored(0)], []), given_up=lambda: next(looks))
    await delivery.deliver(Outcome([scored(1)], []))
    (record,) = await read(settings, settings.predictions_topic, 1)
    assert dict(record.headers)["ce_id"] == b"id-1"


async def test_a_record_of_a_compacted_topic_is_published_under_its_key(
    delivery: AtLeastOnce, settings: Settings
) -> None:
    await delivery.publish(settings.models_topic, "svm", codec.encode(CARD))
    settings = settings.model_copy(update={"partitions": 1})
    (record,) = await read(settings, settings.models_topic, 1)
    assert (record.key, codec.decode_card(record.value)) == (b"svm", CARD)


async def test_without_a_broker_start_names_the_setting(settings: Settings) -> None:
    away = AtLeastOnce(settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"}))
    with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
        await away.start()


async def test_a_broker_that_pauses_delays_a_delivery_and_loses_none_of_it(
    settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    async with Processes(tmp_path / "logs") as processes:
        child = await processes.run(services.broker(port))
        own = settings.model_copy(update={"broker": f"127.0.0.1:{port}"})
        await kafka.ensure_topics(own, topics(own), "test")
        delivery = AtLeastOnce(own)
        await delivery.start()
        await delivery.deliver(Outcome([scored(0, 0, b"before")], []))
        child.process.send_signal(19)  # SIGSTOP
        pending = asyncio.create_task(delivery.deliver(Outcome([scored(1, 0, b"during")], [])))
        done, _ = await asyncio.wait([pending], timeout=1.0)
        assert not done
        child.process.send_signal(18)  # SIGCONT
        async with asyncio.timeout(20):
            await pending
        found = await read(own, own.predictions_topic, 2)
        assert [record.value for record in found] == [b"before", b"during"]
        await delivery.stop()
