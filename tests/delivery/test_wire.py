"""Record batches: the same bytes as aiokafka's builder makes, at a fraction of the time."""

from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import encode_varint
from delivery_support import Producer
from hypothesis import given
from hypothesis import strategies as st

from streamapp.delivery import wire
from streamapp.delivery.wire import Output

BYTES = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=20), BYTES), max_size=5)
RECORDS = st.lists(st.tuples(BYTES, BYTES, HEADERS), min_size=1, max_size=8)


def aiokafkas(
    records: list[tuple[Any, Any, Any]], time: int, state: tuple[int, int, int], transactional: int
) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, transactional, *state, 10_000_000)
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, time, key, value, headers)
    return bytes(builder.build())


def ours(records: list[tuple[Any, Any, Any]], time: int) -> list[Output]:
    return [Output(key, value, wire.headers(headers), time) for key, value, headers in records]


@given(records=RECORDS, time=st.integers(0, 2**50), state=st.none() | st.tuples(*[st.integers(0, 2**15 - 1)] * 3))
@pytest.mark.parametrize("producer", [Producer(), Producer(idempotent=True), Producer("lane")])
def test_a_batch_has_the_bytes_that_aiokafka_makes(
    records: list[Any], time: int, state: tuple[int, int, int] | None, producer: Producer
) -> None:
    ((batch, first),) = wire.batches(producer, ours(records, time), 10_000_000)
    size = batch.size()
    if state is not None:
        batch._set_producer_state(*state)
    expected = aiokafkas(records, time, state or (-1, -1, 0), transactional=producer.transactional_id is not None)
    assert bytes(batch._build()) == expected
    assert batch._build() is batch._build()  # a repeated request sends it once more
    assert (batch.size(), size, batch.record_count()) == (len(expected), len(expected), len(records))
    assert first == ours(records, time)[0]
    assert batch.append(timestamp=time, key=None, value=b"late") is None


@pytest.mark.parametrize("count", [1, 63, 64, 65, 8191, 8192, 8193])
def test_many_records_and_long_ones_are_read_back(count: int) -> None:
    records: list[Any] = [
        (b"%d" % i, b"x" * (i * 37 % 9000), [("n" * (i % 80), b"v" * (i % 90))]) for i in range(count)
    ]
    made = list(wire.batches(Producer(), ours(records, 5), 1_000_000))
    found = []
    for batch, first in made:
        read = DefaultRecordBatch(bytes(batch._build()))
        assert read.validate_crc()
        inside = list(read)
        assert [record.offset for record in inside] == list(range(batch.record_count()))
        assert first.key == inside[0].key
        found += [(record.key, record.value, list(record.headers)) for record in inside]
    assert found == records
    assert all(batch.size() <= 1_000_061 for batch, _ in made)


def test_a_record_that_is_larger_than_a_batch_goes_alone() -> None:
    sizes = [10, 5000, 10, 10, 4000]
    made = wire.batches(Producer(), [Output(None, b"x" * size, wire.headers(()), 1) for size in sizes], 1000)
    assert [batch.record_count() for batch, _ in made] == [1, 1, 2, 1]


def test_numbers_of_any_length_are_encoded_as_aiokafka_does() -> None:
    for number in (0, 1, 63, 64, 8191, 8192, 4095, 4096, 2**20 - 1, 2**20, 2**31 - 1):
        expected = bytearray()
        encode_varint(number, expected.append)
        assert wire.VARINT[number] == bytes(expected), number


def test_a_batch_that_was_made_keeps_its_sequence_number() -> None:
    ((batch, _),) = wire.batches(Producer(idempotent=True), [Output(None, b"x", wire.headers(()), 1)], 1000)
    batch._set_producer_state(7, 0, 3)
    made = bytes(batch._build())
    with pytest.raises(RuntimeError, match="keeps its sequence number"):
        batch._set_producer_state(7, 0, 4)
    assert bytes(batch._build()) == made


def test_records_of_another_time_are_in_another_batch() -> None:
    made = wire.batches(Producer(), [Output(None, b"x", wire.headers(()), time) for time in (5, 5, 9)], 1000)
    found = [[record.timestamp for record in DefaultRecordBatch(bytes(batch._build()))] for batch, _ in made]
    assert found == [[5, 5], [9]]
