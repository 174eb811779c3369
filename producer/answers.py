"""What became of many requests: counts, percentiles and a histogram of the time that answers took."""

from bisect import bisect_left
from collections import Counter
from math import ceil
from typing import Final

from msgspec import Struct

from producer.ask import ANSWERED, NO_ANSWER, TIMED_OUT, Outcome

#: Upper bounds of the histogram's bars, in milliseconds; the last bar has none.
BOUNDS: Final = tuple(step * 10**power for power in range(5) for step in (1, 2, 5))


class Bar(Struct, frozen=True):
    """One bar of the histogram.

    Attributes:
        up_to_ms: Upper bound in milliseconds; None: all that took longer.
        requests: Answers that took so long, and longer than the bar before says.
    """

    up_to_ms: int | None
    requests: int


class Answers(Struct, frozen=True):
    """The end of a run.

    Attributes:
        requests: Requests whose outcome is known.
        failed: All that were not answered with 200.
        by_status: Requests by HTTP status, `timed_out` or `no_answer`.
        seconds: How long the run took.
        p50_ms: Median time to an answer of any status, in milliseconds; None where there was none.
        p99_ms: 99th percentile of it.
        histogram: The same times from the first bar with an answer to the last.
    """

    requests: int
    failed: int
    by_status: dict[str, int]
    seconds: float
    p50_ms: float | None
    p99_ms: float | None
    histogram: tuple[Bar, ...]


class Tally:
    """Counts outcomes as they come in."""

    def __init__(self) -> None:
        self._statuses: Counter[str] = Counter()
        self._milliseconds: list[float] = []

    def count(self, outcome: Outcome) -> None:
        """Count one request."""
        self._statuses[outcome.status] += 1
        if outcome.status not in {NO_ANSWER, TIMED_OUT}:
            self._milliseconds.append(1000 * outcome.seconds)

    @property
    def total(self) -> int:
        """Requests whose outcome is known."""
        return self._statuses.total()

    @property
    def failed(self) -> int:
        """Requests that were not answered with 200."""
        return self.total - self._statuses[ANSWERED]

    @property
    def line(self) -> str:
        """The counts so far for a person."""
        return f"{self.total} requests, {self.failed} failed"

    def answers(self, seconds: float) -> Answers:
        """Return the counts so far."""
        times = sorted(self._milliseconds)
        return Answers(
            requests=self.total,
            failed=self.failed,
            by_status=dict(sorted(self._statuses.items())),
            seconds=round(seconds, 3),
            p50_ms=_percentile(times, 0.5),
            p99_ms=_percentile(times, 0.99),
            histogram=_histogram(times),
        )


def _percentile(times: list[float], share: float) -> float | None:
    """Return a percentile by the nearest rank."""
    return round(times[ceil(share * len(times)) - 1], 1) if times else None


def _histogram(times: list[float]) -> tuple[Bar, ...]:
    if not times:
        return ()
    bars = Counter(bisect_left(BOUNDS, time) for time in times)
    bounds = (*BOUNDS, None)
    return tuple(Bar(bounds[i], bars[i]) for i in range(min(bars), max(bars) + 1))
