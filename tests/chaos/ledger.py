"""What was sent and what was seen: the data that the oracles judge."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct


class Fate(StrEnum):
    """What a sender knows of a record."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """Of a trial: when a sender learnt what became of a record."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Sent(NamedTuple):
    """One record that was sent, once its sender knows what became of it.

    Attributes:
        serial: Number that is in its row and in no other; it finds a record whose id the sender never learnt.
        fate: What the sender knows.
        id: Its id, "" where it is not known.
        row: The row, None where it is none.
        model: Alias that it asks for.
        code: Why it must become a dead letter, "" where it must be predicted.
        answer: What the edge answered: an HTTP status, or what went wrong; "" of records put on the topic.
        seconds: How long the edge took.
        retry_after: Whether the answer says when to try again.
        bad: Whether the edge has to refuse it.
        phase: When its sender learnt this: before the fault, during it, or after it had healed.
    """

    serial: int
    fate: Fate
    id: str = ""
    row: dict[str, float] | None = None
    model: str = ""
    code: str = ""
    answer: str = ""
    seconds: float = 0.0
    retry_after: bool = False
    bad: bool = False
    phase: Phase = Phase.DURING


class Place(NamedTuple):
    """Where a record stands on the input topic."""

    partition: int
    offset: int


class Answer(NamedTuple):
    """What a model says of one row: its labels, and their probabilities where it gives them."""

    labels: tuple[Any, ...]
    probabilities: tuple[float, ...]


class Outcome(NamedTuple):
    """One record of an output topic.

    Attributes:
        id: Its request's id.
        serial: Serial in its row, None where it cannot be read.
        place: Where its request stood on the input topic.
        partition: Its own partition.
        offset: Its own offset.
        code: Reason of a dead letter, "" of a prediction.
        value: Its bytes.
        name: Model that made the prediction, as it is registered.
        version: Version of that model.
        answer: The prediction, None of a dead letter.
    """

    id: str
    serial: int | None
    place: Place
    partition: int
    offset: int
    code: str = ""
    value: bytes = b""
    name: str = ""
    version: str = ""
    answer: Answer | None = None


class Run(Struct, frozen=True):
    """Everything seen of one fault, after it has healed and all has come to rest.

    Attributes:
        sent: What was sent.
        outcomes: Predictions and dead letters, raw, as read with read_committed: by topic and partition, by offset.
        exactly_once: Whether that was the guarantee; else at_least_once.
        mirror: Ids and values of the mirror's predictions stream, in its order.
        csv: Bytes of the CSV audit.
        healed_s: Seconds from healing until all that was on the input topic by then was committed; None where that,
            or what came after it, took too long.
        lag: Records that were left at last.
    """

    sent: Sequence[Sent]
    outcomes: Sequence[Outcome]
    exactly_once: bool
    mirror: Sequence[tuple[str, bytes]] = ()
    csv: bytes = b""
    healed_s: float | None = 0.0
    lag: int = 0

    def visible(self) -> list[Outcome]:
        """Return the outcomes as a reader who relies on the guarantee takes them.

        With exactly_once that is all of them, raw. With at_least_once a reader drops what repeats an input offset.
        """
        return list(self.outcomes) if self.exactly_once else list(self._first_of_each_place())

    def predictions(self) -> list[Outcome]:
        """Return the visible predictions."""
        return [outcome for outcome in self.visible() if not outcome.code]

    def _first_of_each_place(self) -> Iterator[Outcome]:
        seen: set[Place] = set()
        for outcome in self.outcomes:
            if outcome.place not in seen:
                seen.add(outcome.place)
                yield outcome
