"""The broker's side of a feed: one topic, read from offsets that the sink keeps.

A consumer without a group, assigned by hand: there is no rebalance and no commit, hence no second opinion about the
position.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streamapp.clients import kafka
from streamapp.clients.consuming import partitions, started
from streamapp.contracts.errors import BrokerUnavailable, ServiceError
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

#: Part of ours that connects, in the broker's logs.
_ROLE: Final = "sinks"
#: Most records handed over at once: bounds memory, and what a lost acknowledgement repeats.
MAX_RECORDS: Final = 2000
#: Longest wait for records: bounds how long a stop waits.
_POLL_MS: Final = 200
#: Seconds that one attempt waits for the broker; the feed repeats it for ever.
_PATIENCE: Final = 2.0
#: aiokafka logs each attempt of its own; at its default of 100 ms they fill a log. Partitions that were added to the
#: topic are seen once its metadata is that old.
_OPTIONS: Final = {"request_timeout_ms": 10_000, "retry_backoff_ms": 1000, "metadata_max_age_ms": 30_000}


class TopicRecreated(ServiceError):
    """The topic ends before an offset that was read before: it is another one under the same name."""


class PartitionsAdded(ServiceError):
    """The topic has more partitions than are read."""


class Source:
    """The partitions of one topic.

    Args:
        settings: The settings in force.
        topic: Topic to read.
        partitions: Its partitions.
        consumer: A started consumer without an assignment.
    """

    def __init__(self, settings: Settings, topic: str, partitions: Sequence[int], consumer: AIOKafkaConsumer) -> None:
        self.partitions = partitions
        self._settings = settings
        self._topic = topic
        self._consumer = consumer
        self._next: dict[TopicPartition, int] = {}

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read from these offsets, by partition. To be called once, before the first `read`.

        A consumer that is assigned anew keeps high watermarks older than its offsets, and aiokafka 0.14 may then hang
        when it stops. So partitions are assigned only when it is known where to start.
        """
        self._next = {TopicPartition(self._topic, number): offset for number, offset in offsets.items()}
        self._consumer.assign(list(self._next))
        for partition, offset in self._next.items():
            self._consumer.seek(partition, offset)

    async def read(self) -> dict[int, list[ConsumerRecord]]:
        """Return the next records by partition, at most `MAX_RECORDS`; nothing where none came within 0.2 s.

        Raises:
            TopicRecreated: The topic is another one than the offsets were from.
            BrokerUnavailable: The broker refused.
        """
        with _broker_errors(self._settings):
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=MAX_RECORDS)
            for partition, records in fetched.items():
                self._advance(partition, records)
            await self._require_same_topic()
        return {partition.partition: records for partition, records in fetched.items()}

    async def lag(self) -> dict[int, int]:
        """Return how many records of each partition are not read yet, as far as the last fetch told; none before one.

        Markers of transactions that were not stepped over yet count as records; all of them where the consumer does
        not know within 0.2 s where it is, such as while it looks for an offset that is there.

        Raises:
            BrokerUnavailable: The consumer cannot go on.
        """
        reached = dict(self._next)
        with _broker_errors(self._settings), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLL_MS / 1000):
                for partition in self._next:
                    reached[partition] = await self._consumer.position(partition)
        ends = {partition: self._consumer.highwater(partition) for partition in self._next}
        return {one.partition: max(0, end - reached[one]) for one, end in ends.items() if end is not None}

    async def check(self) -> None:
        """Check that the broker answers, and has the topic with the partitions that are read.

        Raises:
            BrokerUnavailable: It does not answer, or has no such topic.
            PartitionsAdded: There are more of them by now.
        """
        with _broker_errors(self._settings):
            if self._topic not in await self._consumer.topics():
                raise BrokerUnavailable(f"The broker at {self._settings.broker} has no topic {self._topic} any more.")
        there = self._consumer.partitions_for_topic(self._topic) or set()
        if there - set(self.partitions):
            raise PartitionsAdded(f"Topic {self._topic} has {len(there)} partitions by now. Following all of them.")

    def _advance(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        # An offset out of range makes aiokafka start at the beginning. After records that retention removed that is
        # a gap forwards; backwards it never goes on the same topic.
        if records[0].offset < self._next[partition]:
            raise self._recreated(partition)
        self._next[partition] = records[-1].offset + 1

    async def _require_same_topic(self) -> None:
        for partition, offset in self._next.items():
            highwater = self._consumer.highwater(partition)
            if highwater is not None and highwater < offset and await self._ends_before(partition, offset):
                raise self._recreated(partition)

    async def _ends_before(self, partition: TopicPartition, offset: int) -> bool:
        """Ask once more: the high watermark of a new leader may lag, what it answers to ListOffsets does not."""
        await _ensure_topics(self._settings)
        ends = await self._consumer.end_offsets([partition])
        return bool(ends[partition] < offset)

    def _recreated(self, partition: TopicPartition) -> TopicRecreated:
        return TopicRecreated(
            f"Topic {partition.topic} was made anew: partition {partition.partition} ends before offset "
            f"{self._next[partition]}, which was read already. Starting from its beginning."
        )


@contextlib.asynccontextmanager
async def open_source(settings: Settings, topic: str) -> AsyncIterator[Source]:
    """Connect to the broker, create the topics where they are missing, and yield all partitions of one of them.

    Raises:
        BrokerUnavailable: No broker answers, or it refused.
    """
    with _broker_errors(settings):
        await _ensure_topics(settings)
        numbers = [partition.partition for partition in await partitions(settings, topic, _ROLE)]
        async with started(kafka.consumer(settings, _ROLE, **_OPTIONS)) as consumer:
            yield Source(settings, topic, numbers, consumer)


async def _ensure_topics(settings: Settings) -> None:
    await kafka.ensure_topics(settings, topics(settings), _ROLE, _PATIENCE)


@contextlib.contextmanager
def _broker_errors(settings: Settings) -> Iterator[None]:
    try:
        yield
    except KafkaError as exc:
        raise BrokerUnavailable(f"The broker at {settings.broker} (STREAMAPP_BROKER) failed: {exc!r}") from exc
