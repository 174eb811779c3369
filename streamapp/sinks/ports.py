"""What the feed asks of a sink, and the messages between the two."""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from streamapp.contracts.errors import ServiceError
from streamapp.contracts.messages import Prediction

T = TypeVar("T")


class Newest(NamedTuple):
    """The newest request of one input topic whose prediction is kept.

    Attributes:
        offset: Its input offset.
        watermark: Newest timestamp of any request of that topic so far, in ms; -1 where none told its own.
    """

    offset: int
    watermark: int


class Position(Struct, frozen=True):
    """How far one partition of a topic is kept. The default is the beginning.

    Attributes:
        offset: Offset of the next record.
        newest: Newest request by input topic, of those that told where they were from.
    """

    offset: int = 0
    newest: dict[str, Newest] = {}


class Batch(Struct, Generic[T], frozen=True):
    """Neighbouring records of one partition, in order.

    Attributes:
        partition: Partition that they are from.
        before: Position that the sink must be at.
        after: Position that the sink is at once it has kept them.
        entries: What is to be kept; may be empty where every record is stepped over.
        repeats: How many predictions were dropped because their request had been predicted before.
        strangers: How many records were left out because they are not what the topic is for.
    """

    partition: int
    before: Position
    after: Position
    entries: Sequence[T]
    repeats: int = 0
    strangers: int = 0


class Predicted(Struct, frozen=True):
    """One prediction as it is to be kept.

    Attributes:
        prediction: The prediction.
        value: Its JSON, as on the topic.
        partition: Partition of the predictions topic.
        position: Position of the sink once it has kept it.
        input_topic: Input topic of its request, a key of `position.newest`; "" where it tells none.
        traceparent: The trace that its request belongs to (W3C Trace Context); "" where it belongs to none.
        owner: Whose it is: the name of an API key; "" where it is for everybody.
    """

    prediction: Prediction
    value: bytes
    partition: int
    position: Position
    input_topic: str = ""
    traceparent: str = ""
    owner: str = ""


class Displaced(ServiceError):
    """The sink is at another position than the feed left it at."""


class Sink(Protocol[T]):
    """Keeps the records of one topic, and with them, in one atomic step, the position reached in each partition.

    A feed calls one method at a time. Whatever method fails with a `ServiceError`, the feed waits, asks for the
    positions anew and follows the topic from there: an outcome that is not known, such as a lost acknowledgement,
    thus needs no care of its own. `SettingsError` is not retried.
    """

    async def positions(self, partitions: Collection[int]) -> dict[int, Position]:
        """Return the position of each partition as it is kept now; the beginning where none is.

        It is asked every few seconds too, to see whether the data was emptied or restored behind the feed's back.

        Raises:
            ServiceError: The sink does not answer; asked again with backoff, for ever.
            SettingsError: What lies in the sink's place is not its own; it was not touched.
        """

    async def write(self, batch: Batch[T]) -> None:
        """Keep the entries in their order and the position behind them: all of it, or a prefix, or nothing.

        Raises:
            Displaced: The sink was not at `batch.before`; nothing was written.
            ServiceError: It failed; how much of the batch is kept is not known before `positions` says so.
        """

    async def restart(self, kept: Mapping[int, Position]) -> None:
        """Begin all partitions anew, because the topic was made anew. What is kept already stays readable.

        Raises:
            Displaced: The sink was not at `kept`; nothing was changed.
            ServiceError: It failed; asked again as soon as the feed notices once more.
        """

    async def close(self) -> None:
        """Give up files, locks and connections."""
