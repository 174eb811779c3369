"""Topics from one end to the other: what stands on them when the reading begins, outside any consumer group."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.clients.entry import require_entry
from streamapp.clients.errors import broker_errors
from streamapp.contracts.settings import Settings

_ROLE: Final = "reader"
#: Most records handed over at once.
_MAX_RECORDS: Final = 2000
_POLL_MS: Final = 200
#: Seconds without progress until the broker counts as away.
_PATIENCE: Final = 10.0
_OPTIONS: Final = {"request_timeout_ms": 10_000}


async def partitions(settings: Settings, topic: str) -> list[int]:
    """Return the partitions of a topic, none where there is no such topic. It is not created by being asked for.

    Raises:
        BrokerUnavailable: The broker does not answer, or does not let us in.
    """
    admin = AIOKafkaAdminClient(**kafka.connection(settings, _ROLE), **_OPTIONS)
    with broker_errors(settings):
        try:
            await admin.start()
            described = await admin.describe_topics()
        except KafkaConnectionError:
            await require_entry(settings, kafka.connection(settings, _ROLE))
            raise
        finally:
            await admin.close()
    found = (one["partitions"] for one in described if one["topic"] == topic)
    return sorted(partition["partition"] for partition in next(found, []))


async def scan(
    settings: Settings, topic: str, start: Mapping[int, int] | None = None
) -> AsyncGenerator[list[Any], None]:
    """Read a topic up to the end that it has now, in the order of each partition; little more than a fetch is held.

    Only committed records are read: where a transaction is open, its partition ends before it.

    Args:
        settings: The settings in force.
        topic: Topic to read; one that is not there has no records.
        start: Offset to begin at, by partition; None: all partitions from their beginning.

    Yields:
        Neighbouring records of one partition, as aiokafka has them.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    places = dict.fromkeys(await partitions(settings, topic), 0) if start is None else start
    if not places:
        return
    with broker_errors(settings):
        async with _reader(settings, topic, places) as consumer:
            ends = _Ends(consumer)
            while ends.ahead:
                async with asyncio.timeout(_PATIENCE):
                    fetched = await ends.advance()
                for partition, records in fetched.items():
                    yield [record for record in records if record.offset < ends.of[partition]]


async def newest(settings: Settings, topic: str) -> dict[str, Any]:
    """Return the newest record of each key of a topic, by key, as a compacted topic keeps them; no tombstones.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    found: dict[str, Any] = {}
    async with contextlib.aclosing(scan(settings, topic)) as batches:
        async for records in batches:
            found.update(((record.key or b"").decode(errors="replace"), record) for record in records)
    return {key: record for key, record in found.items() if record.value is not None}


@contextlib.asynccontextmanager
async def _reader(settings: Settings, topic: str, places: Mapping[int, int]) -> AsyncIterator[AIOKafkaConsumer]:
    async with started(kafka.consumer(settings, _ROLE, **_OPTIONS)) as consumer:
        consumer.assign([TopicPartition(topic, number) for number in places])
        for number, offset in places.items():
            consumer.seek(TopicPartition(topic, number), offset)
        yield consumer


class _Ends:
    """Where a consumer's partitions end, and which of them it has not read so far.

    The end is what the first fetch says of it: what the embedded broker answers to ListOffsets is too low. It is an
    offset to be reached, not a number of records: transactions leave gaps.

    Attributes:
        of: Ends as far as they are known.
        ahead: Partitions that are to be read further.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.of: dict[TopicPartition, int] = {}
        self.ahead = set(consumer.assignment())
        self._consumer = consumer

    async def advance(self) -> dict[TopicPartition, list[Any]]:
        """Wait until a partition was read further or to its end; return its records, where there are any."""
        before = len(self.ahead)
        while True:
            fetched: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                *self.ahead, timeout_ms=_POLL_MS, max_records=_MAX_RECORDS
            )
            for partition in list(self.ahead):
                await self._look(partition)
            if fetched or len(self.ahead) < before:
                return fetched

    async def _look(self, partition: TopicPartition) -> None:
        highwater, stable = self._consumer.highwater(partition), self._consumer.last_stable_offset(partition)
        if highwater is None:  # nothing of it was fetched so far
            return
        end = self.of.setdefault(partition, highwater if stable in {None, -1} else min(highwater, stable))
        if await self._consumer.position(partition) >= end:
            self.ahead.discard(partition)
