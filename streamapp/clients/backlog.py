"""What stands on topics and is not done yet: ends of partitions less the offsets that a group has committed."""

import asyncio
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings

#: Milliseconds that the broker may keep a fetch at the end of a partition, and that its answer is waited for.
_FETCH_WAIT_MS: Final = 100
_POLL_MS: Final = 300
#: Of records nothing is wanted; a fetch brings one record batch at least where it brings any.
_FETCH_BYTES: Final = 1024


class Backlog(NamedTuple):
    """What waits on a partition.

    Attributes:
        first: Offset of the oldest record that is there.
        committed: Offset that the group has committed; None where it has none.
        end: Offset behind the newest record.
    """

    first: int
    committed: int | None
    end: int

    @property
    def waiting(self) -> int:
        """Records that wait. Where nothing is committed, or what retention has removed since, all that are there."""
        return max(0, self.end - max(self.committed or 0, self.first))

    @property
    def expired(self) -> int:
        """Records that retention has removed before the group had read them."""
        return 0 if self.committed is None else max(0, self.first - self.committed)


def looker(settings: Settings, role: str, **options: Any) -> AIOKafkaConsumer:
    """Make a consumer (not started) for `backlogs`: it sees the offsets of the scoring group, and does not join it.

    Args:
        settings: The settings in force.
        role: Part of ours that asks.
        **options: aiokafka's own, above ours.
    """
    defaults = {
        # The group's name gives access to its offsets; nothing is assigned by the group, so it is not joined.
        "group_id": settings.group,
        "isolation_level": "read_uncommitted",
        "fetch_max_wait_ms": _FETCH_WAIT_MS,
        "fetch_max_bytes": _FETCH_BYTES,
        "max_partition_fetch_bytes": _FETCH_BYTES,
    }
    return kafka.consumer(settings, role, **{**defaults, **options})


async def backlogs(consumer: AIOKafkaConsumer) -> dict[TopicPartition, Backlog]:
    """Return what waits on the partitions that are assigned to a consumer.

    Raises:
        KafkaError: The broker refused.
    """
    assigned = list(consumer.assignment())
    # High watermarks as fetches at the ends bring them: ListOffsets is not exact on every broker.
    await consumer.seek_to_end(*assigned)
    await consumer.getmany(timeout_ms=_POLL_MS)
    starts = await consumer.beginning_offsets(assigned)
    committed = await asyncio.gather(*map(consumer.committed, assigned))
    return {
        at: Backlog(starts[at], offset, consumer.highwater(at) or 0)
        for at, offset in zip(assigned, committed, strict=True)
    }
