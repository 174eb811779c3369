"""Which partitions of the replies topic are this edge's own: a lease, in the form of a consumer group."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.structs import TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.settings import Settings

ROLE: Final = "edge-lease"
#: Milliseconds between polls: a member that does not poll is taken for one that hangs.
_POLL_MS: Final = 1000
#: Heartbeats within the time after which a member without any is given up.
_HEARTBEATS: Final = 3
#: Seconds for the broker to take note that this edge leaves the group.
_LEAVE: Final = 2.0

log = logging.getLogger(__name__)


class Lease:
    """Shares the partitions of the replies topic out among the edges, so that no two have the same one.

    The group assigns, and nothing more: its consumer is paused and reads no record, and no offset is committed. An
    edge that ends gives its partitions back at once, one that dies does so after `session_timeout`.

    Args:
        settings: The settings in force.

    Attributes:
        partitions: Partitions that are this edge's own, until the group says otherwise; none where it has assigned
            none yet, or there are more edges than partitions.
        changed: Set whenever the group has assigned.
    """

    def __init__(self, settings: Settings) -> None:
        self.partitions: frozenset[int] = frozenset()
        self.changed = asyncio.Event()
        self._settings = settings

    async def run(self) -> None:
        """Be a member of the group until cancelled.

        Raises:
            KafkaError: The connection could not be made, or the broker refuses the group.
        """
        session_ms = int(self._settings.session_timeout * 1000)
        consumer = kafka.consumer(
            self._settings,
            ROLE,
            group_id=f"{self._settings.group}-replies",
            # A partition that stays where it is costs nobody a new connection.
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=session_ms // _HEARTBEATS,
        )
        consumer.subscribe([self._settings.replies_topic], listener=_Paused(consumer, self._assign))
        async with started(consumer, patience=_LEAVE):
            while True:
                await consumer.getmany(timeout_ms=_POLL_MS)

    def _assign(self, partitions: Iterable[int]) -> None:
        self.partitions = frozenset(partitions)
        self.changed.set()
        log.info("Partitions of the replies topic that are this edge's own: %s", sorted(self.partitions))


class _Paused(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tells what is assigned, and lets none of it be read."""

    def __init__(self, consumer: AIOKafkaConsumer, assign: Callable[[Iterable[int]], None]) -> None:
        self._consumer = consumer
        self._assign = assign

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Keep them in use until the group has said what follows: somebody may wait meanwhile."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        self._assign(partition.partition for partition in assigned)
