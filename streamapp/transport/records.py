"""Records with aiokafka's names, made at a fraction of the cost.

aiokafka's `ConsumerRecord` is a frozen dataclass: each of its eleven attributes is set by a call, in a dictionary of
its own. That took longer than reading the record from what the broker sent.
"""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final

import msgspec
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

_NAME: Final = itemgetter(0)
#: Names of headers by those of a record, how many of these are kept, and how long they may be together.
_known: Final[dict[tuple[str, ...], frozenset[str]]] = {}
_MOST_KNOWN: Final = 64
_MOST_CHARACTERS: Final = 1024


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it was fetched, with the attributes of aiokafka's `ConsumerRecord` and the names of its headers.

    Whoever has to know whether any record of a batch has a header asks for the names. To look at all headers later,
    when no cache of the processor has them any more, took a tenth of all the time that a record takes.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        timestamp: Its time in milliseconds; -1 where it has none, as those from before Kafka 0.10.
        timestamp_type: 0: its producer's time, 1: the broker's, None where it has none.
        key: Its key.
        value: Its value.
        checksum: That of a record from before Kafka 0.11, None where it has none of its own.
        serialized_key_size: Bytes of the key, -1 where there is none.
        serialized_value_size: Bytes of the value, -1 where there is none.
        headers: Its headers.
        header_names: Their names.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    headers: tuple[tuple[str, bytes], ...]  # a value may be None in fact, as in all types of aiokafka's
    header_names: frozenset[str]


def install() -> None:
    """Have the consumers of this process make such records. May be called more than once."""
    fetcher.PartitionRecords = PartitionRecords


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of a fetch of one partition, in place of aiokafka's own; for consumers without deserializers."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records_iterator or ())  # itself, and not by a call of ours for each record

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        if self._key_deserializer or self._value_deserializer:
            return super()._consumer_record(tp, record)
        key, value = record.key, record.value
        return Record(
            tp.topic,
            tp.partition,
            record.offset,
            -1 if record.timestamp is None else record.timestamp,
            record.timestamp_type,
            key,
            value,
            record.checksum,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            tuple(record.headers),
            _names(tuple(map(_NAME, record.headers))),
        )


def _names(names: tuple[str, ...]) -> frozenset[str]:
    """Return names as one object for all records that have the same: few kinds of record are on a topic."""
    found = _known.get(names)
    if found is None:
        found = frozenset(names)
        # Whoever writes on a topic may choose names: what is kept of them is bounded.
        if len(_known) < _MOST_KNOWN and sum(map(len, names)) <= _MOST_CHARACTERS:
            _known[names] = found
    return found
