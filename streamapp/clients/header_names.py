"""Header names that are no UTF-8, which a broker takes from any producer.

aiokafka 0.14 raises UnicodeDecodeError at the fetch that brings such a record, and at every one after it: the
partition is read no further, and what was fetched with it is not handed out. Other clients read such names with
U+FFFD in place of what they cannot decode; after `install`, aiokafka's consumers in this process do as well.
"""

from collections.abc import Iterator
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

#: A record batch starts with its offset (8 bytes) and the length of all that follows the length (4 bytes).
_LENGTH: Final = slice(8, 12)
_PREFIX: Final = 12


def install() -> None:
    """Make the consumers of this process read such records. May be called more than once."""
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
    """One record batch: aiokafka's own, in C, or one in Python where a name cannot be decoded.

    The records are made all at once: what is asked for one after the other passes through a generator each time.

    Args:
        batch: The batch in C.
        data: Its bytes.
    """

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return _read(self._data)


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
