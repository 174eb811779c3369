"""The sink's twin in memory, for tests of feeds and of what reads from sinks."""

from collections.abc import Collection, Mapping
from typing import Generic

from streamapp.sinks.ports import Batch, Displaced, Position, T


class MemorySink(Generic[T]):
    """Keeps entries in a list.

    Attributes:
        entries: Everything kept, in order.
        kept: Position of each partition.
    """

    def __init__(self) -> None:
        self.entries: list[T] = []
        self.kept: dict[int, Position] = {}

    async def positions(self, partitions: Collection[int]) -> dict[int, Position]:
        """Return the position of each partition; never fails."""
        return {partition: self.kept.get(partition, Position()) for partition in partitions}

    async def write(self, batch: Batch[T]) -> None:
        """Keep the entries and the position.

        Raises:
            Displaced: The sink was not at `batch.before`.
        """
        self._expect({batch.partition: batch.before})
        self.entries.extend(batch.entries)
        self.kept[batch.partition] = batch.after

    async def restart(self, kept: Mapping[int, Position]) -> None:
        """Begin all partitions anew; the entries stay.

        Raises:
            Displaced: The sink was not at `kept`.
        """
        self._expect(kept)
        self.kept.clear()

    async def close(self) -> None:
        """Do nothing: what is kept stays readable."""

    def _expect(self, kept: Mapping[int, Position]) -> None:
        if any(self.kept.get(partition, Position()) != position for partition, position in kept.items()):
            raise Displaced("The positions in memory are not the ones the feed left there.")
