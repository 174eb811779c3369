"""What of a partition has arrived, which batches are in flight, and what may be committed."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from streamapp.transport.batch import BatchMessage
from streamapp.transport.records import Record


class Progress(NamedTuple):
    """How far one partition is.

    Attributes:
        waiting: Whether records of it are in flight, or can be read and are not fetched yet.
        settled: End of what is finished; None where nothing is yet.
        lag: Records between the first that is not finished and the partition's end as the last fetch told it,
            markers of transactions among them; None where that is not known yet.
    """

    waiting: bool
    settled: int | None
    lag: int | None = None


class Place(NamedTuple):
    """Where the consumer is in a partition.

    Attributes:
        position: Offset of the next record to fetch; None where it is not known.
        readable: End of what can be read, as the last fetch told it: not behind a transaction that is open.
        end: End of the partition, as the last fetch told it; None before one.
    """

    position: int | None
    readable: int | None
    end: int | None


class Ledger:
    """The records of one partition between fetch and commit, in order.

    Those that have arrived wait until the next batch is made, of all of them together up to a bound.

    Attributes:
        settled: End of the contiguous prefix of finished batches: what may be committed. None while none is.
        committed: What was committed last through this ledger.
    """

    def __init__(self) -> None:
        self.settled: int | None = None
        self.committed: int | None = None
        self._waiting: list[Record] = []
        self._open: deque[BatchMessage] = deque()
        self._next = 0

    def __len__(self) -> int:
        """Return the number of batches that hold the prefix up: unfinished ones, and those behind them."""
        return len(self._open)

    @property
    def begun(self) -> int | None:
        """Offset of the first record that is not finished; None where there is none."""
        unfinished = next((message.batch.offset for message in self._open if not message.acked), None)
        return self._waiting[0].offset if unfinished is None and self._waiting else unfinished

    @property
    def waiting(self) -> int:
        """Number of records that have arrived and are in no batch yet."""
        return len(self._waiting)

    def progress(self, place: Place) -> Progress:
        """Return how far the partition is, where the consumer is at a place of it."""
        unread = place.position is not None and place.position < (place.readable or 0)
        begun = place.position if self.begun is None else self.begun
        lag = None if begun is None or place.end is None else max(0, place.end - begun)
        return Progress(len(self) > 0 or self.waiting > 0 or unread, self.settled, lag)

    def precedes(self, records: Sequence[Record]) -> bool:
        """Say whether records begin behind those that arrived before, so that they are the next ones."""
        return bool(records[0].offset >= self._next)

    def arrive(self, records: Sequence[Record]) -> None:
        """Take up records that were fetched."""
        self._waiting.extend(records)
        self._next = records[-1].offset + 1

    def take(self, most: int) -> list[Record]:
        """Return the oldest records that wait, for a batch."""
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    def add(self, message: BatchMessage) -> None:
        """Take up a batch that is about to be handed out."""
        self._open.append(message)

    def settle(self) -> None:
        """Move the prefix over the finished batches."""
        while self._open and self._open[0].acked:
            self.settled = self._open.popleft().batch.next_offset

    def to_commit(self) -> int | None:
        """Return the offset to commit, or None where the last commit still says it all."""
        self.settle()
        return None if self.settled == self.committed else self.settled

    def abandon(self) -> None:
        """Give up what waits and what is in flight: the partition is no longer ours, or its position moved."""
        for message in self._open:
            message.batch.lost = True
        self._open.clear()
        self._waiting.clear()
