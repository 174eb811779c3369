"""The port of delivery, and its in-memory twin."""

from collections.abc import Callable
from typing import Final, Protocol

from streamapp.scoring.records import Outcome


def never() -> bool:
    """Say that nothing was given up."""
    return False


class Delivery(Protocol):
    """Takes outcomes to where they are read."""

    @property
    def commits_offsets(self) -> bool:
        """Whether the input offset behind a batch is committed with its outcome; else it is to be done afterwards."""

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """

    async def stop(self) -> None:
        """Disconnect; what was not acknowledged may or may not have arrived."""

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Deliver the outcome of one batch; returns when the broker has acknowledged all of it.

        Batches of different partitions may be delivered side by side, those of one partition one after the other.

        Args:
            outcome: What became of the batch.
            given_up: Asked before each attempt and while one is under way. Once it says True the call returns, and
                sends nothing more: somebody else has the partition now and delivers the outcome. Without transactions
                a request that is under way may still arrive.

        Within a partition, order is kept between calls that are awaited one after the other. After an error some of
        the outcome may have arrived: the input must not be acknowledged, and delivering it again repeats that part.

        Raises:
            BrokerUnavailable: The broker did not acknowledge, also after retries.
        """

    async def release(self) -> None:
        """Let go of what is held for single partitions: after a rebalance they may be another's."""

    async def publish(self, topic: str, key: str, value: bytes | None) -> None:
        """Publish what others are to know, on a compacted topic: the newest record of a key counts.

        Args:
            topic: The topic.
            key: What it is about.
            value: What is to be known; None: nothing any more.

        Raises:
            BrokerUnavailable: The broker did not acknowledge.
        """


class MemoryDelivery:
    """Keeps what is delivered in lists, for tests.

    Attributes:
        outcomes: What was delivered, in order.
        published: The newest record of each key that was published, by topic and key.
    """

    commits_offsets: Final = False

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.published: dict[tuple[str, str], bytes | None] = {}

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Keep the outcome."""
        if not given_up():
            self.outcomes.append(outcome)

    async def release(self) -> None:
        """Do nothing."""

    async def publish(self, topic: str, key: str, value: bytes | None) -> None:
        """Keep the record."""
        self.published[topic, key] = value
