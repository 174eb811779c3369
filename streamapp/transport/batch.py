"""What an agent gets: the records of one fetch of one partition."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import faust
from faust.types import TP, ConsumerMessage

from streamapp.transport.records import Record


class Batch(Sequence[Record]):
    """Consecutive records of one partition, oldest first; never empty.

    Offsets may have gaps (compaction and transaction markers leave them), but nothing between `offset` and
    `next_offset` is left out.

    Attributes:
        tp: Topic and partition.
        records: The records as they were fetched: bytes, undecoded.
        lost: True once the partition was taken away (or the position moved) before the batch was acknowledged:
            what has been made of it must not be delivered, for whoever owns the partition now makes it again.
    """

    __slots__ = ("lost", "records", "tp")

    def __init__(self, tp: TP, records: Sequence[Record]) -> None:
        self.tp = tp
        self.records = records
        self.lost = False

    @property
    def offset(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def next_offset(self) -> int:
        """Offset to commit when the batch is done: one past its last record."""
        return int(self.records[-1].offset) + 1

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        return self.records[index]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __repr__(self) -> str:
        return f"<Batch {self.tp.topic}-{self.tp.partition} {self.offset}..{self.next_offset - 1}>"


class BatchMessage(ConsumerMessage):
    """Faust's envelope for one batch.

    Faust marks a message as acknowledged in more places than one (its compiled stream iterator writes the attribute
    directly), and in two cases where nothing was processed: when it skips a message because a rebalance is under
    way, and when the agent's body raised or was cancelled. So the attribute itself holds the rule.
    """

    def __init__(self, batch: Batch, generation_id: int, on_done: Callable[["BatchMessage"], None]) -> None:
        self._done = False
        self._on_done = on_done
        self.batch = batch
        first = batch.records[0]
        super().__init__(
            first.topic,
            first.partition,
            first.offset,
            first.timestamp / 1000.0,
            first.timestamp_type,  # type: ignore[arg-type]  # None where Kafka is older than that
            headers=None,
            key=None,
            value=batch,  # type: ignore[arg-type]  # Faust says bytes; `BatchSchema` hands it through
            checksum=None,
            tp=batch.tp,
            generation_id=generation_id,
        )

    @property
    def acked(self) -> bool:
        """Whether the batch is done. Setting it counts only when an agent has seen the batch to its end."""
        return self._done

    @acked.setter
    def acked(self, value: bool) -> None:
        if not value or self._done or not self.tracked or _unwinding():
            return
        self._done = True
        self._on_done(self)


class BatchSchema(faust.Schema[None, Batch]):
    """Hands batches over as they are: decoding is the agent's business, record by record or all at once."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        """Return None: a batch has no key, its records have."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Batch:  # noqa: ARG002
        """Return the batch."""
        batch: Batch = message.value
        return batch


def _unwinding() -> bool:
    """Say whether this is called because an agent's loop over its stream is being torn down."""
    return isinstance(sys.exception(), GeneratorExit | asyncio.CancelledError)
