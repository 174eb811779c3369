"""Records have what aiokafka's have."""

import tracemalloc
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streamapp.clients.record_batches import LenientRecords
from streamapp.transport import records
from streamapp.transport.records import PartitionRecords, Record, install

FIELDS = Record.__struct_fields__
_AIOKAFKAS = fetcher.PartitionRecords


def two() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    builder.append(0, 1_700_000_000_000, b"key", b"value", [("ce_id", b"x"), ("empty", None)])
    builder.append(1, 1_700_000_000_001, None, None, [])
    return bytes(builder.build())


def read(
    kind: type[Any], data: bytes | None = None, read_by: type[Any] = MemoryRecords, **deserializers: Any
) -> list[Any]:
    given = {"key_deserializer": None, "value_deserializer": None} | deserializers
    records = read_by(data or two())
    return list(kind(TopicPartition("in", 3), records, [], 0, check_crcs=True, isolation_level=1, **given))


@pytest.mark.parametrize("read_by", [MemoryRecords, LenientRecords])
def test_a_record_has_all_that_aiokafkas_has(read_by: type[Any]) -> None:
    ours, theirs = read(PartitionRecords, read_by=read_by), read(_AIOKAFKAS)
    assert set(FIELDS) == {*ConsumerRecord.__dataclass_fields__, "header_names"}
    assert [[getattr(one, name) for name in FIELDS] for one in ours] == [
        [getattr(one, name) for name in ConsumerRecord.__dataclass_fields__] + [{name for name, _ in one.headers}]
        for one in theirs
    ]
    assert len(ours) == 2


def test_of_the_names_that_strangers_make_up_few_are_kept_and_none_that_is_long() -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 10_000_000)
    names = ["x" * 2_000, *(f"name-{number}" for number in range(200))]
    for offset, name in enumerate(names):
        builder.append(offset, 1_700_000_000_000, None, None, [(name, b""), (name, b"")])
    assert [record.header_names for record in read(PartitionRecords, bytes(builder.build()))] == [
        {name} for name in names
    ]
    assert len(records._known) <= records._MOST_KNOWN
    assert max(len("".join(kept)) for kept in records._known) <= records._MOST_CHARACTERS


@pytest.mark.parametrize("place", [-1, 30], ids=["in a record", "in the frame"])
def test_a_batch_that_was_damaged_on_its_way_is_refused(place: int) -> None:
    damaged = bytearray(two())
    damaged[place] ^= 1
    with pytest.raises(CorruptRecordException):
        read(PartitionRecords, bytes(damaged), LenientRecords)


def test_of_a_small_batch_with_many_records_few_are_made_at_a_time() -> None:
    builder = DefaultRecordBatchBuilder(2, 1, 0, -1, -1, -1, 10_000_000)
    for offset in range(100_000):
        builder.append(offset, 1_700_000_000_000, None, None, [])
    data = bytes(builder.build())
    assert len(data) < 200_000
    records = iter(LenientRecords(data).next_batch())
    tracemalloc.start()
    for _ in range(2_000):
        next(records)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All at once they are 15 MB, and their text is 1 MB.
    assert most < 3_000_000
    assert len(list(records)) == 98_000


def test_a_batch_of_an_older_format_is_checked_by_aiokafka() -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1_000_000)
    builder.append(0, 1_700_000_000_000, None, b"old")
    whole = bytes(builder.build())
    assert [record.value for record in read(PartitionRecords, whole, LenientRecords)] == [b"old"]
    with pytest.raises(CorruptRecordException):
        read(PartitionRecords, whole[:-1] + b"!", LenientRecords)


def test_a_consumer_with_deserializers_has_aiokafkas() -> None:
    (first, _) = read(PartitionRecords, value_deserializer=lambda value: value and value.decode())
    assert (type(first), first.value) == (ConsumerRecord, "value")


def test_a_record_without_a_time_says_so_by_a_number() -> None:
    builder = LegacyRecordBatchBuilder(0, 0, 1_000_000)
    builder.append(0, None, None, b"old")
    (record,) = read(PartitionRecords, bytes(builder.build()))
    assert (record.value, record.timestamp, record.timestamp_type) == (b"old", -1, None)


@pytest.fixture
def restored() -> Any:
    yield
    fetcher.PartitionRecords = _AIOKAFKAS


@pytest.mark.usefixtures("restored")
def test_installing_it_twice_is_installing_it_once() -> None:
    install()
    install()
    assert fetcher.PartitionRecords is PartitionRecords
