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
    """

    waiting: bool
    settled: int | None


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
    def waiting(self) -> int:
        """Number of records that have arrived and are in no batch yet."""
        return len(self._waiting)

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
