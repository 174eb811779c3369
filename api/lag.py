"""How many records wait for the scoring workers: where they are too many, the edge takes no more."""

import asyncio
import time
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from api.errors import Lagging
from streamapp.clients import kafka
from streamapp.clients.consuming import partitions, started
from streamapp.contracts.settings import Settings

ROLE: Final = "edge-lag"
#: Seconds between looks, and until an unanswered one counts as failed.
_INTERVAL: Final = 1.0
_PATIENCE: Final = 3.0
#: Seconds after which the last look says nothing any more.
_STALE: Final = 5.0
#: Share of the bound that the lag has to fall to until requests are taken again, so that it does not flutter.
_RELEASE: Final = 0.8
#: Milliseconds that the broker may keep a fetch at the end of a partition, and that its answer is waited for.
_FETCH_WAIT_MS: Final = 100
_POLL_MS: Final = 300
#: Of records nothing is wanted; a fetch brings one record batch at least where it brings any.
_FETCH_BYTES: Final = 1024
#: Milliseconds until partitions that were added to the topic are noticed.
_METADATA_AGE_MS: Final = 30_000


class Lag:
    """Follows the lag of the scoring group on the input topic: ends of partitions less committed offsets.

    A lag that is not known (no broker answers) keeps nobody out: whether a record is accepted is then up to the
    broker alone.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records = 0
        self._seen = -_STALE
        self._refusing = False

    @property
    def records(self) -> int | None:
        """Records that wait for the workers; None where that is not known."""
        return self._records if time.monotonic() - self._seen < _STALE else None

    def require_room(self) -> None:
        """Check that the workers keep up.

        Raises:
            Lagging: More than `max_lag` records wait, or did, and have not fallen to 0.8 of that since.
        """
        if self._refusing and self.records is not None:
            raise Lagging(f"{self._records} records wait for the workers already; nothing was accepted.")

    def update(self, records: int) -> None:
        """Take note of what was seen just now."""
        bound = self._settings.max_lag * (_RELEASE if self._refusing else 1)
        self._records, self._seen, self._refusing = records, time.monotonic(), records > bound

    async def run(self) -> None:
        """Look until cancelled, or until the topic has other partitions.

        Raises:
            KafkaError: The broker refused.
            TimeoutError: It does not answer.
        """
        topic = self._settings.input_topic
        # The group's name gives access to its offsets; nothing is assigned by the group, so it is not joined.
        consumer = kafka.consumer(
            self._settings,
            ROLE,
            group_id=self._settings.group,
            isolation_level="read_uncommitted",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_FETCH_BYTES,
            metadata_max_age_ms=_METADATA_AGE_MS,
        )
        async with started(consumer):
            assigned = await partitions(self._settings, topic, ROLE)
            consumer.assign(assigned)
            while len(consumer.partitions_for_topic(topic) or assigned) == len(assigned):
                async with asyncio.timeout(_PATIENCE):
                    self.update(await _lag(consumer, assigned))
                await asyncio.sleep(_INTERVAL)


async def _lag(consumer: AIOKafkaConsumer, assigned: list[TopicPartition]) -> int:
    """Return the records between what the group has committed and the ends, over all partitions.

    Where the group has committed nothing, or what retention has removed since, it starts at the first record.
    """
    ends = await _ends(consumer, assigned)
    starts = await consumer.beginning_offsets(assigned)
    committed = await asyncio.gather(*map(consumer.committed, assigned))
    reached = [max(offset or 0, starts[partition]) for offset, partition in zip(committed, assigned, strict=True)]
    return sum(max(0, end - offset) for end, offset in zip(ends, reached, strict=True))


async def _ends(consumer: AIOKafkaConsumer, assigned: list[TopicPartition]) -> list[int]:
    """Return the high watermarks as fetches at the ends bring them: ListOffsets is not exact on every broker."""
    await consumer.seek_to_end(*assigned)
    await consumer.getmany(timeout_ms=_POLL_MS)
    return [consumer.highwater(partition) or 0 for partition in assigned]
