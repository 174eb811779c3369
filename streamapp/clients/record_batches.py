"""Record batches as consumers read them, for what aiokafka does not do, or not as fast.

A broker takes header names that are no UTF-8 from any producer. aiokafka 0.14 raises UnicodeDecodeError at the fetch
that brings such a record, and at every one after it: the partition is read no further, and what was fetched with it
is not handed out. Other clients read such names with U+FFFD in place of what they cannot decode; after `install`,
aiokafka's consumers in this process do as well.

aiokafka's checksum takes ten times as long as the instruction that processors have for it.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

import google_crc32c
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

#: A record batch starts with its offset (8 bytes) and the length of all that follows the length (4 bytes).
_LENGTH: Final = slice(8, 12)
_PREFIX: Final = 12
#: Then come the leader's epoch and the format, and in the one that has headers the checksum of all that follows it.
_FORMAT: Final = 16
_WITH_HEADERS: Final = 2
_CHECKSUM: Final = slice(17, 21)
_CHECKED: Final = slice(21, None)
#: Records that are made at a time.
_AT_A_TIME: Final = 500


def install() -> None:
    """Make the consumers of this process read batches so. May be called more than once."""
    fetcher.MemoryRecords = LenientRecords


class LenientRecords:
    """The record batches of one fetch of one partition, in place of aiokafka's `MemoryRecords`.

    Args:
        data: The bytes as the broker sent them.
    """

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._data = memoryview(data)

    def has_next(self) -> bool:
        """Say whether there is another whole batch."""
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        """Return the size of all batches, torn ones too."""
        return int(self._records.size_in_bytes())

    def next_batch(self) -> "LenientBatch":
        """Return the next batch."""
        size = _PREFIX + int.from_bytes(self._data[_LENGTH])
        data, self._data = self._data[:size], self._data[size:]
        return LenientBatch(self._records.next_batch(), data)


class LenientBatch:
    """One record batch: aiokafka's own, in C, until a name cannot be decoded; from there on one in Python.

    Records are made some hundred at a time: one by one they would each pass through a generator, and all at once a
    small compressed batch could be hundreds of thousands.

    Args:
        batch: The batch in C.
        data: Its bytes.
    """

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def validate_crc(self) -> bool:
        """Say whether the batch is what its producer has sent."""
        data = self._data
        if data[_FORMAT] != _WITH_HEADERS:
            return bool(self._batch.validate_crc())
        return int(google_crc32c.value(bytes(data[_CHECKED]))) == int.from_bytes(data[_CHECKSUM])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._parts())

    def _parts(self) -> Iterator[Iterable[Any]]:
        done = 0
        try:
            records = chain(self._batch)  # aiokafka's takes no second `iter`, and no `next` after its end
            while part := list(islice(records, _AT_A_TIME)):
                yield part
                done += len(part)
        except UnicodeDecodeError:
            yield islice(_read(self._data), done, None)


class _Text(bytearray):
    """Bytes whose slices decode with U+FFFD in place of what is no UTF-8."""

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        return _Text(item) if isinstance(key, slice) else item

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def _read(data: memoryview) -> Iterator[Any]:
    batch = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()  # noqa: SLF001  # names are decoded from the buffer behind it, with no seam between
    batch._buffer = _Text(batch._buffer)  # noqa: SLF001
    yield from batch
