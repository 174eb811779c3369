"""What the samples of a soak come to, and whether that will do. Pure."""

import statistics
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from soak.sampling import Sample
from soak.stack import OURS

#: Seconds after which what a process needs is there: imports, connections, caches, the pools of the allocator.
SETTLING: Final = 60.0
#: Growth beyond that from which on a process leaks, in percent.
MOST_GROWTH: Final = 5.0
#: Samples over which memory is taken as their median, and the share of a soak that they may be: it goes up and down
#: with the batches, by a tenth where a part works off arrears.
_WINDOW: Final = 30
_SHARE: Final = 4
_PERCENT: Final = 100.0
_MIB: Final = 2**20


class Growth(Struct, frozen=True):
    """A process's resident memory.

    Attributes:
        settled_mib: After settling, in MiB.
        most_mib: The most after that.
        end_mib: At the end of the load.
        percent: Of the end above the settled.
    """

    settled_mib: float
    most_mib: float
    end_mib: float
    percent: float


class Figures(Struct, frozen=True):
    """A soak in figures.

    Attributes:
        broker: `kafka` or `embedded`.
        duration: Seconds of load.
        settling: Seconds from its beginning after which memory counts.
        capacity: Records a second that a burst was processed and mirrored with.
        rate: Records a second that were sent.
        processed: Records a second that were processed and mirrored after settling, while the load lasted.
        growth: Memory by process.
        lag_max: Largest lag.
        lag_median: Median lag.
        lag_end: Lag at last.
        level_s: Seconds from the end of the load until everything was processed and mirrored; None: not in time.
        http_failed: Requests to the edge that had neither 2xx nor 4xx as an answer.
    """

    broker: str
    duration: float
    settling: float
    capacity: float
    rate: float
    processed: float
    growth: dict[str, Growth]
    lag_max: int
    lag_median: float
    lag_end: int | None
    level_s: float | None
    http_failed: int

    def wrong(self) -> list[str]:
        """Return what will not do."""
        grown = {name: self.growth[name].percent for name in OURS if self.growth[name].percent >= MOST_GROWTH}
        return [
            *(f"the {name} grew by {percent:.1f} %" for name, percent in grown.items()),
            *([f"records were left at last; the lag is {self.lag_end}"] if self.level_s is None else []),
        ]


def settling(duration: float) -> float:
    """Return after how many seconds memory counts: a minute, or a quarter of a soak that is shorter than four."""
    return min(SETTLING, duration / 4)


def growth(memory: Sequence[int]) -> Growth:
    """Return how a process grew; its memory after settling, in bytes, a sample each."""
    size = max(1, min(_WINDOW, len(memory) // _SHARE))
    first, last = statistics.median(memory[:size]) / _MIB, statistics.median(memory[-size:]) / _MIB
    percent = _PERCENT * (last / first - 1)
    return Growth(round(first, 1), round(max(memory) / _MIB, 1), round(last, 1), round(percent, 2))


def growths(samples: Sequence[Sample], begin: float) -> dict[str, Growth]:
    """Return how each process grew after `begin` seconds."""
    counted = [sample for sample in samples if sample.seconds >= begin]
    return {name: growth([sample.memory[name] for sample in counted]) for name in counted[0].memory}


def rate(samples: Sequence[Sample]) -> float:
    """Return the records a second that were processed and mirrored from the first sample to the last."""
    first, last = samples[0], samples[-1]
    return round((last.mirrored - first.mirrored) / (last.seconds - first.seconds), 1)


def lags(samples: Sequence[Sample]) -> list[int]:
    """Return the lags that were seen."""
    return [sample.lag for sample in samples if sample.lag is not None] or [0]
