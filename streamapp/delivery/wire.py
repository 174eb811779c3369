"""Record batches as Kafka has them on the wire: format 2, uncompressed.

https://kafka.apache.org/documentation/#recordbatch. aiokafka's builder encodes every header of every record. Most of
ours are the same in all records of a batch, so here whoever makes an output encodes its headers, and what is the same
only once. A third of a record's processor time was spent on that.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import google_crc32c
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

#: Frame of a batch: base offset, length, leader's epoch, format, checksum, attributes, last offset, first and latest
#: time, producer's id and epoch, first sequence number, number of records.
_FRAME: Final = struct.Struct(">qiibIhiqqqhii")
#: Bytes of the frame that its length does not count: base offset and length.
_BEFORE: Final = 12
_CHECKSUM: Final = struct.Struct(">I")
_CHECKSUM_AT: Final = 17
_FORMAT: Final = 2
_TRANSACTIONAL: Final = 0x10
#: Said by the broker, or by a producer without idempotence.
_UNKNOWN: Final = -1
#: Of each byte of a number, seven bits are the number's; the eighth says that more follow.
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
#: Length of what is null.
_NULL: Final = b"\x01"
#: A record's attributes, of which there are none, and its time behind that of the batch.
_START: Final = b"\0\0"


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to write.

    Attributes:
        key: Its key.
        value: Its value.
        headers: Its headers, encoded; see `headers`.
        timestamp: Its time in milliseconds.
    """

    key: bytes | None
    value: bytes | None
    headers: bytes
    timestamp: int


def _varint(number: int) -> bytes:
    rest = number << 1  # zigzag: the lowest bit is the sign
    encoded = bytearray()
    while rest > _SEVEN_BITS:
        encoded.append(rest & _SEVEN_BITS | _MORE)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


class _Varints(dict[int, bytes]):
    """Numbers that are not negative as Kafka's signed integers of variable length; what is not kept is made."""

    def __missing__(self, number: int) -> bytes:
        return _varint(number)


#: Most lengths and numbers are small; looking one up costs a third of a call.
VARINT: Final = _Varints((number, _varint(number)) for number in range(4096))


def field(value: bytes | None) -> bytes:
    """Encode a key, a value, or a header's name: its length and itself."""
    return _NULL if value is None else VARINT[len(value)] + value


def headers(given: Iterable[tuple[str, bytes | None]]) -> bytes:
    """Encode all headers of a record."""
    encoded = [header(name, value) for name, value in given]
    return VARINT[len(encoded)] + b"".join(encoded)


def header(name: str, value: bytes | None) -> bytes:
    """Encode a header. Those of a record follow upon each other, behind their number."""
    return field(name.encode()) + field(value)


class EncodedBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """A whole record batch, in the place of what `AIOKafkaProducer.create_batch` makes: it goes to `send_batch`.

    Args:
        records: Each record, behind its length.
        count: How many they are, at least one.
        timestamp: Their time in milliseconds.
        transactional: Whether they are part of a transaction.
    """

    def __init__(self, records: bytes, count: int, timestamp: int, *, transactional: bool) -> None:
        self._records = records
        self._relative_offset = count
        self._timestamp = timestamp
        self._attributes = _TRANSACTIONAL if transactional else 0
        self._producer = (_UNKNOWN, _UNKNOWN, 0)
        self._buffer: bytearray | None = None
        self._closed = True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        if self._buffer is not None:
            # A failed batch that is handed over once more: with another number the next batch would be out of order.
            raise RuntimeError("a record batch that was made keeps its sequence number")
        self._producer = (producer_id, producer_epoch, base_sequence)

    def _build(self) -> bytearray:
        if self._buffer is None:
            self._buffer = self._framed()
            self._records = b""
        return self._buffer

    def size(self) -> int:
        """Return its bytes."""
        return _FRAME.size + len(self._records) if self._buffer is None else len(self._buffer)

    def _framed(self) -> bytearray:
        count, then = self._relative_offset, self._timestamp
        length = _FRAME.size - _BEFORE + len(self._records)
        frame = (0, length, _UNKNOWN, _FORMAT, 0, self._attributes, count - 1, then, then, *self._producer, count)
        header = bytearray(_FRAME.pack(*frame))
        # By the processor's own instruction, which takes a tenth of the time of aiokafka's function.
        checksum = google_crc32c.value(bytes(header[_CHECKSUM_AT + _CHECKSUM.size :]))
        _CHECKSUM.pack_into(header, _CHECKSUM_AT, google_crc32c.extend(checksum, self._records))
        return header + self._records


class RecordBatch(NamedTuple):
    """Records that are written as a whole.

    Attributes:
        batch: For `AIOKafkaProducer.send_batch`.
        first: The first of them.
    """

    batch: EncodedBatch
    first: Output


def batches(producer: AIOKafkaProducer, outputs: Sequence[Output], most: int) -> Iterator[RecordBatch]:
    """Return record batches for a producer that hold the outputs, in order; each is of one time.

    Args:
        producer: Who sends them.
        outputs: The records, at least one.
        most: Bytes of a batch's records; one that takes more goes alone.
    """
    transactional = _is_transactional(producer)
    parts: list[bytes] = []
    count, size, first = 0, 0, outputs[0]
    for output in outputs:
        record, taken = _record(count, output)
        if count and (size + taken > most or output.timestamp != first.timestamp):
            yield _batch(parts, count, first, transactional=transactional)
            parts, count, size, first = [], 0, 0, output
            record, taken = _record(0, output)
        parts += record
        count += 1
        size += taken
    yield _batch(parts, count, first, transactional=transactional)


def _record(place: int, output: Output) -> tuple[tuple[bytes, ...], int]:
    """Return a record in parts, and its bytes: a value is the most of it, and is copied once, into the batch."""
    number, key, value, headers = VARINT[place], field(output.key), output.value, output.headers
    length = _NULL if value is None else VARINT[len(value)]
    value = value or b""
    size = len(_START) + len(number) + len(key) + len(length) + len(value) + len(headers)
    start = VARINT[size]
    return (start, _START, number, key, length, value, headers), len(start) + size


def _batch(parts: Sequence[bytes], count: int, first: Output, *, transactional: bool) -> RecordBatch:
    return RecordBatch(EncodedBatch(b"".join(parts), count, first.timestamp, transactional=transactional), first)


def _is_transactional(producer: AIOKafkaProducer) -> bool:
    manager: Any = producer._txn_manager  # noqa: SLF001  # as `create_batch` does
    return manager is not None and manager.transactional_id is not None
