"""Whose turn it is to redrive, on a broker that cannot fence: membership of a consumer group."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Final, Self

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.settings import Settings
from streamapp.dlq.errors import another
from streamapp.dlq.writers import ROLE, lock

#: Seconds without heartbeat until a run that died has lost its turn. The embedded broker holds a join for half of it.
_SESSION: Final = 2.0
#: Seconds between heartbeats.
_HEARTBEAT: Final = _SESSION / 4
#: Seconds to wait for the turn of a run that died.
_PATIENCE: Final = 5 * _SESSION


class Turn(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The run that has the one partition of the markers' topic has the turn, and keeps it when others ask for it.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mine = asyncio.Event()
        self._settled = asyncio.Event()
        self._busy = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[Self]:
        """Take the turn until the block is left.

        Raises:
            AnotherRedrive: Another run has it.
            KafkaError: No broker answers, or it refused.
            TimeoutError: The broker does not say whose it is.
        """
        consumer = kafka.consumer(
            self._settings,
            ROLE,
            group_id=lock(self._settings),
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=round(_SESSION * 1000),
            rebalance_timeout_ms=round(_SESSION * 1000),
            heartbeat_interval_ms=round(_HEARTBEAT * 1000),
            max_poll_interval_ms=24 * 60 * 60 * 1000,  # it is never read from
        )
        consumer.subscribe([self._settings.redriven_topic], listener=self)
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await stack.enter_async_context(started(consumer))
                    await self._mine.wait()
            except TimeoutError:
                if not self._settled.is_set():
                    raise
                raise another(self._settings, "runs already") from None
            yield self
            await self._until_calm()

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep the turn for the block: it does not pass to another run before the end of it.

        Raises:
            AnotherRedrive: Another run has it.
            TimeoutError: The broker does not say whose it is.
        """
        async with asyncio.timeout(_PATIENCE):
            await self._settled.wait()
        if not self._mine.is_set():
            raise another(self._settings, "has begun and ended this one")
        async with self._busy:
            yield

    async def _until_calm(self) -> None:
        """Wait until no other run is coming or going.

        Where the leader of a group leaves before it has heard that another member has left, the embedded broker waits
        for it for ever, and no run gets the turn any more. A heartbeat would tell it.
        """
        await asyncio.sleep(2 * _HEARTBEAT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._settled.wait()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Begin nothing more until it is known whose turn it is; what is half done is finished."""
        del revoked  # there is one partition
        self._settled.clear()
        async with self._busy:
            self._mine.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Learn whose turn it is."""
        if assigned:
            self._mine.set()
        self._settled.set()
