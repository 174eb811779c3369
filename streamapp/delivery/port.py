"""The port of delivery, and its in-memory twin."""

from typing import Protocol

from streamapp.contracts.card import ModelCard
from streamapp.scoring.records import Outcome


class Delivery(Protocol):
    """Takes outcomes to where they are read."""

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """

    async def stop(self) -> None:
        """Disconnect; what was not acknowledged may or may not have arrived."""

    async def deliver(self, outcome: Outcome) -> None:
        """Deliver the outcome of one batch; returns when the broker has acknowledged all of it.

        Within a partition, order is kept between calls that are awaited one after the other. After an error some of
        the outcome may have arrived: the input must not be acknowledged, and delivering it again repeats that part.

        Raises:
            BrokerUnavailable: The broker did not acknowledge, also after retries.
        """

    async def publish(self, card: ModelCard) -> None:
        """Publish a model's card for those who validate requests; the newest card of an alias counts.

        Raises:
            BrokerUnavailable: The broker did not acknowledge.
        """


class MemoryDelivery:
    """Keeps what is delivered in lists, for tests.

    Attributes:
        outcomes: What was delivered, in order.
        cards: Published cards by alias.
    """

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.cards: dict[str, ModelCard] = {}

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def deliver(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.outcomes.append(outcome)

    async def publish(self, card: ModelCard) -> None:
        """Keep the card."""
        self.cards[card.alias] = card
