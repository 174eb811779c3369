"""Exactly-once delivery: the outputs of a batch and the input offset behind it in one transaction."""

import asyncio
from collections.abc import Callable
from typing import ClassVar, Final

from aiokafka import AIOKafkaProducer, TopicPartition

from streamapp.contracts.settings import Settings
from streamapp.delivery import producers
from streamapp.delivery.lane import Lane
from streamapp.delivery.port import never
from streamapp.delivery.records import shares
from streamapp.scoring.records import Outcome


class ExactlyOnce:
    """Writes each batch's outputs as whole record batches, and commits its input offset, in one transaction.

    Input partitions are delivered side by side, each on a lane of its own; within one, a transaction is made only
    after the last was committed, so order is kept. Readers of committed records never see any of a batch that failed.

    Args:
        settings: The settings in force.
        backoff: Seconds before the first repeat; doubled each time up to `max_backoff`.
        max_backoff: Longest pause between repeats, in seconds.
    """

    commits_offsets: Final = True
    lane: ClassVar[type[Lane]] = Lane

    def __init__(self, settings: Settings, backoff: float = 0.1, max_backoff: float = 5.0) -> None:
        self._settings = settings
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._lanes: dict[TopicPartition, Lane] = {}
        self._cards: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect; lanes are opened when they are first used.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """
        self._cards = await producers.started(self._settings, enable_idempotence=True)

    async def stop(self) -> None:
        """Disconnect; a transaction that is open is aborted by the next owner, or by the broker."""
        await self.release()
        if self._cards is not None:
            await producers.discard(self._cards)

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Deliver the outcome of one batch; returns when all of it is committed, or once it is given up."""
        await asyncio.gather(
            *(
                self._lane(TopicPartition(share.topic, share.partition)).deliver(share.outcome, share.end, given_up)
                for share in shares(outcome)
            )
        )

    async def release(self) -> None:
        """Close all lanes; a partition that is still ours gets a new one."""
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.close() for lane in lanes.values()))

    async def publish(self, topic: str, key: str, value: bytes | None) -> None:
        """Publish a record of a compacted topic; see `Delivery`.

        Raises:
            BrokerUnavailable: The broker did not acknowledge.
        """
        if self._cards is None:
            raise RuntimeError("publish was called before start")
        await producers.publish(self._cards, topic, key, value)

    def _lane(self, source: TopicPartition) -> Lane:
        if source not in self._lanes:
            self._lanes[source] = self.lane(self._settings, source, self._backoff, self._max_backoff)
        return self._lanes[source]
