"""How far a sink is behind its topic."""

import time
from collections.abc import Callable, Mapping


class Standing:
    """What one feed knows of how far its sink is behind. Written by the feed, read by the page.

    Args:
        sink: What the sink is called in metrics.
        clock: Returns the seconds since 1970.
    """

    def __init__(self, sink: str, clock: Callable[[], float] = time.time) -> None:
        self.sink = sink
        self._clock = clock
        self._lag: dict[int, int] = {}
        #: Time of the oldest record that is not kept, by partition; only of those where there is one.
        self._oldest: dict[int, float] = {}
        #: When nothing was missing last. It is not known of the time before the start.
        self._whole = clock()
        self._follows = False

    @property
    def lag(self) -> Mapping[int, int]:
        """Records that are not kept, by partition, as far as the last read told."""
        return self._lag

    @property
    def follows(self) -> bool:
        """Whether broker and sink answer, as far as the feed knows: it looks every few seconds."""
        return self._follows

    @property
    def delay(self) -> float:
        """Seconds since the oldest record that is not kept was made, 0 where all are.

        While the topic cannot be followed it is not known whether there is one: then the time since none was missing.
        """
        oldest = min(self._oldest.values(), default=None if self._follows else self._whole)
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest)

    def read(self, partition: int, oldest_ms: int, missing: int) -> None:
        """Take note of records that were read and are to be kept; the same ones are read again after a failure.

        Args:
            partition: Their partition.
            oldest_ms: Time of the first of them, in milliseconds.
            missing: How many records of the partition are not kept: these, and those that were not read yet.
        """
        self._oldest[partition] = oldest_ms / 1000
        self._lag[partition] = missing

    def kept(self, partition: int, newest_ms: int, missing: int) -> None:
        """Take note that they are kept.

        Args:
            partition: Their partition.
            newest_ms: Time of the last of them, in milliseconds. What comes next is no older.
            missing: How many records of the partition were not read yet.
        """
        self._lag[partition] = missing
        if missing:
            self._oldest[partition] = newest_ms / 1000
        else:
            self._oldest.pop(partition, None)

    def looked(self, lag: Mapping[int, int]) -> None:
        """Take note of how many records wait in each partition, once all that was read is kept."""
        self._lag = dict(lag)
        self._oldest = {number: at for number, at in self._oldest.items() if self._lag.get(number)}
        self._follows = True
        if not any(self._lag.values()):
            self._whole = self._clock()

    def lost(self) -> None:
        """Take note that the topic cannot be followed."""
        self._follows = False
