"""What a lap of a race came to, and how laps compare."""

import statistics

import msgspec

from benchmarks.checking import Span
from benchmarks.contenders import Contender
from benchmarks.sampling import Sampler


class Lap(msgspec.Struct, frozen=True):
    """What one lap came to.

    Attributes:
        rate: Records a second.
        cpu: Processor seconds a million records, in that time.
        memory: The most resident memory, in MiB.
        took: Seconds from when the contender found the backlog until the last prediction.
    """

    rate: float
    cpu: float
    memory: float
    took: float


def ratios(laps: dict[str, list[Lap]], one: Contender, other: Contender) -> list[float]:
    """Return how the rates of two contenders compare, round by round."""
    return [a.rate / b.rate for a, b in zip(laps[one.name], laps[other.name], strict=False)]


def medians(laps: dict[str, list[Lap]], one: Contender, other: Contender) -> str:
    """Return the medians of two contenders' rates, as a target's detail has them."""
    a, b = (statistics.median(each.rate for each in laps[contender.name]) for contender in (one, other))
    return f"{a:,.0f} / {b:,.0f} records/s"


def result(span: Span, sampler: Sampler, released: float) -> Lap:
    """Return what a lap came to that began at a time."""
    busy = sampler.cpu_between(span.first, span.last) / (span.last - span.first)
    return Lap(span.rate, busy / span.rate * 1_000_000, sampler.most_mib, span.last - released)
