"""Redriving on real brokers: what comes back, where to, with which headers, and that it comes back once."""

import gzip
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from dlq_support import HOUR, NOW, bury, came_back, create, dead, read, redrive

from streamapp.clients import kafka, scanning
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable, Code, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.dlq.errors import NotRedriven
from streamapp.dlq.letters import Wanted
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


async def test_a_record_comes_back_as_it_was_with_its_id_and_its_attempts(either: Settings) -> None:
    await bury(either, [dead(either, 7, partition=2, attempt=3)])
    summary = await redrive(either)
    assert (summary.redriven, summary.already, summary.stayed) == (1, 0, {})
    (record,) = await read(either, either.input_topic)
    assert (record.partition, record.key, record.value) == (2, b"key-7", b'{"n":7}')
    assert record.headers == (("ce_id", b"id-7"), ("other", b"kept"), ("dl_attempt", b"3"))
    assert codec.next_attempt(record.headers) == 4


async def test_what_was_redriven_is_not_redriven_again(either: Settings) -> None:
    await bury(either, [dead(either, number, partition=number % 4) for number in range(20)])
    assert (await redrive(either)).redriven == 20
    again = await redrive(either)
    assert (again.redriven, again.already) == (0, 20)
    assert sorted(await came_back(either)) == sorted(f"id-{number}" for number in range(20))


async def test_a_record_that_failed_again_is_redriven_again(kafka_settings: Settings) -> None:
    await bury(kafka_settings, [dead(kafka_settings, 7)])
    await redrive(kafka_settings)
    await bury(kafka_settings, [dead(kafka_settings, 8, headers=(("ce_id", b"id-7"),), attempt=2)])
    summary = await redrive(kafka_settings)
    assert (summary.redriven, summary.already) == (1, 1)
    attempts = [
        dict(record.headers)["dl_attempt"] for record in await read(kafka_settings, kafka_settings.input_topic)
    ]
    assert attempts == [b"1", b"2"]


async def test_the_order_of_each_partition_is_kept_over_many_transactions(either: Settings) -> None:
    numbers = range(1200)
    await bury(either, [dead(either, number, partition=number % 2) for number in numbers])
    assert (await redrive(either)).redriven == len(numbers)
    found = await read(either, either.input_topic)
    for partition in (0, 1):
        values = [record.value for record in found if record.partition == partition]
        assert values == [b'{"n":%d}' % number for number in numbers if number % 2 == partition]


async def test_a_record_without_a_usable_id_gets_the_one_it_is_known_by(either: Settings) -> None:
    await bury(either, [dead(either, 7, headers=()), dead(either, 8, headers=(("ce_id", b"x" * 300), ("a", b"b")))])
    await redrive(either)
    first, second = await read(either, either.input_topic)
    assert first.headers == (("ce_id", f"{either.input_topic}-0-7".encode()), ("dl_attempt", b"1"))
    assert second.headers == (("a", b"b"), ("ce_id", f"{either.input_topic}-0-8".encode()), ("dl_attempt", b"1"))


async def test_a_null_record_without_a_key_comes_back_as_one(either: Settings) -> None:
    await bury(either, [dead(either, 7, key=None, value=None, code=Code.NULL_RECORD)])
    await redrive(either)
    (record,) = await read(either, either.input_topic)
    assert (record.key, record.value) == (None, None)


async def test_a_record_that_failed_often_enough_stays(either: Settings) -> None:
    await bury(
        either, [dead(either, 7, attempt=either.max_attempts), dead(either, 8, attempt=either.max_attempts - 1)]
    )
    summary = await redrive(either)
    assert (summary.redriven, summary.stayed) == (1, {"max_attempts": 1})
    assert await came_back(either) == ["id-8"]


async def test_a_record_of_a_slow_model_goes_back_to_the_topic_of_its_own(either: Settings) -> None:
    slow = either.topic_of("marketplace")
    await bury(either, [dead(either, 7, topic=slow, partition=3), dead(either, 7, partition=3)])
    assert (await redrive(either)).redriven == 2
    for topic in either.input_topics:
        (record,) = await read(either, topic)
        assert (record.partition, record.value) == (3, b'{"n":7}')


async def test_what_is_from_elsewhere_stays(either: Settings) -> None:
    await bury(either, [dead(either, 7, topic="elsewhere"), dead(either, 8, partition=0, topic="")])
    assert (await redrive(either)).stayed == {"other_topic": 2}
    assert await came_back(either) == []


async def test_only_what_is_asked_for_is_redriven(kafka_settings: Settings) -> None:
    old = [dead(kafka_settings, 1, code=Code.MODEL_TIMEOUT), dead(kafka_settings, 2, model="knn")]
    await bury(kafka_settings, old, age=3 * HOUR)
    await bury(kafka_settings, [dead(kafka_settings, number, code=Code.MODEL_TIMEOUT) for number in (3, 4, 5)])
    wanted = Wanted(codes={"model_timeout"}, models={"svm"}, since=NOW - HOUR)
    assert (await redrive(kafka_settings, wanted, limit=2)).redriven == 2
    assert await came_back(kafka_settings) == ["id-3", "id-4"]
    assert (await redrive(kafka_settings, Wanted(ids={"id-2"}))).redriven == 1
    assert (await redrive(kafka_settings, wanted)).redriven == 1
    assert sorted(await came_back(kafka_settings)) == ["id-2", "id-3", "id-4", "id-5"]


async def test_ids_are_answered_for_together_with_the_other_filters(settings: Settings) -> None:
    await bury(settings, [dead(settings, 1), dead(settings, 2, attempt=99)])
    missing = f"No dead letter on {settings.dead_letters_topic} has the id id-1 or id-2 and fits the other options."
    with pytest.raises(NotRedriven, match=f"^{missing}$"):
        await redrive(settings, Wanted(ids={"id-1", "id-2"}, until=NOW - HOUR, codes={"model_failed"}))
    with pytest.raises(NotRedriven, match=r"^id-2 would not be redriven: failed STREAMAPP_MAX_ATTEMPTS times\.$"):
        await redrive(settings, Wanted(ids={"id-1", "id-2"}), dry_run=True)


async def test_a_dry_run_writes_nothing(either: Settings) -> None:
    await bury(either, [dead(either, 7), dead(either, 8, attempt=99)])
    summary = await redrive(either, dry_run=True)
    assert (summary.redriven, summary.stayed, summary.dry_run) == (1, {"max_attempts": 1}, True)
    assert await read(either, either.input_topic) == []
    assert await read(either, either.redriven_topic) == []


async def test_a_record_whose_partition_is_gone_goes_to_another(either: Settings) -> None:
    await bury(either, [dead(either, 7, partition=3)])
    narrow = either.model_copy(update={"input_topic": f"{either.input_topic}-narrow", "partitions": 2})
    await create(narrow)
    await bury(either, [dead(narrow, 8, partition=3)])
    assert (await redrive(narrow)).redriven == 1
    (record,) = await read(narrow, narrow.input_topic)
    assert (record.partition, record.value) == (1, b'{"n":8}')


async def test_bytes_that_were_left_out_come_from_where_the_record_stands(either: Settings) -> None:
    """Compressible ones: they fitted the input topic, and not the dead-letter topic, which has them uncompressed."""
    await create(either)
    value = b"x" * (either.max_output_bytes + 1)
    size = {"max_batch_size": len(value) * 2, "max_request_size": len(value) * 2, "compression_type": "gzip"}
    async with kafka.producer(either, "test", **size) as producer:
        sent = await producer.send_and_wait(
            either.input_topic, value, partition=1, headers=[("ce_id", b"large"), ("dl_attempt", b"1")]
        )
    left_out = {"key": None, "value": None, "headers": (("ce_id", b"large"),), "partition": 1, "attempt": 2}
    await bury(either, [dead(either, sent.offset, **left_out), dead(either, sent.offset + 7, **left_out)])
    summary = await redrive(either)
    assert (summary.redriven, summary.stayed) == (1, {"bytes_gone": 1})
    _, record = await read(either, either.input_topic)
    assert record.value == value
    assert record.headers == (("ce_id", b"large"), ("dl_attempt", b"2"))


async def test_another_record_at_the_offset_of_the_one_that_was_left_out_is_not_put_back(either: Settings) -> None:
    """As in an input topic that was made anew."""
    await create(either)
    async with kafka.producer(either, "test") as producer:
        sent = await producer.send_and_wait(either.input_topic, b"{}", partition=1, headers=[("ce_id", b"another")])
    await bury(either, [dead(either, sent.offset, key=None, value=None, partition=1)])
    assert (await redrive(either)).stayed == {"bytes_gone": 1}
    assert await came_back(either) == ["another"]


async def test_a_record_too_large_for_the_input_topic_stays_and_stops_nothing(either: Settings) -> None:
    value = os.urandom(either.max_record_bytes * 2)
    assert len(gzip.compress(value)) > either.max_record_bytes
    await bury(either, [dead(either, 7, value=value), dead(either, 8)])
    summary = await redrive(either)
    assert (summary.redriven, summary.stayed) == (1, {"too_large": 1})
    assert await came_back(either) == ["id-8"]


async def test_a_letter_at_the_place_of_a_redriven_one_of_a_topic_made_anew_is_another(
    kafka_settings: Settings,
) -> None:
    await bury(kafka_settings, [dead(kafka_settings, 7)])
    await redrive(kafka_settings)
    (marker,) = await read(kafka_settings, kafka_settings.redriven_topic)
    anew = kafka_settings.model_copy(update={"dead_letters_topic": f"{kafka_settings.dead_letters_topic}-anew"})
    await bury(anew, [dead(kafka_settings, 8)], age=1)
    key = marker.key.replace(kafka_settings.dead_letters_topic.encode(), anew.dead_letters_topic.encode())
    async with kafka.producer(kafka_settings, "test") as producer:
        await producer.send_and_wait(kafka_settings.redriven_topic, marker.value, key=key, partition=0)
        await producer.send_and_wait(kafka_settings.redriven_topic, b"no marker", key=key, partition=0)
    assert (await redrive(anew)).redriven == 1


async def test_exactly_once_is_refused_where_the_broker_has_no_transactions(settings: Settings) -> None:
    await bury(settings, [dead(settings, 7)])
    with pytest.raises(SettingsError, match="STREAMAPP_PROCESSING_GUARANTEE"):
        await redrive(settings.model_copy(update={"processing_guarantee": "exactly_once"}))


async def test_without_a_broker_the_setting_is_named(settings: Settings) -> None:
    away = settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"})
    with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
        await redrive(away, dry_run=True)


async def test_a_broker_that_dies_under_the_reading_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_PATIENCE", 1.0)
    port = free_port()
    async with Processes(tmp_path / "logs") as processes:
        child = await processes.run(services.broker(port))
        own = settings.model_copy(update={"broker": f"127.0.0.1:{port}"})
        for number in range(4):
            await bury(own, [dead(own, number, value=b"x" * 3_000_000)])  # more than one fetch brings
        async with aclosing(scanning.scan(own, own.dead_letters_topic)) as batches:
            await anext(batches)
            child.process.kill()
            with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
                await reading_on(batches)


async def reading_on(batches: AsyncIterator[Any]) -> None:
    async for _ in batches:
        pass
