"""How the metrics of a part are made, and what they are called; `make docs` writes them down from here."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Kind = Literal["counter", "gauge", "histogram", "summary"]

#: Seconds that a step may take, from a table look-up to a model that is about to be given up.
STEPS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: Seconds that a record or a request may take, a backlog included.
WAITS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
#: Records, from one to more than a batch has.
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

# A series more for each, which says when it was first counted: Prometheus notices resets without it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no types


class Described(NamedTuple):
    """What is to be known of a metric.

    Attributes:
        name: Its name, as on the page.
        kind: Its type.
        labels: Its labels.
        says: What it says; a sentence.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    says: str

    @property
    def unit(self) -> str:
        """The unit, which is part of the name; "" where it counts something or is a mark."""
        words = self.name.removesuffix("_total").split("_")
        return next((unit for unit in ("seconds", "records", "rows") if unit in words[-2:]), "")

    def gauge(self) -> GaugeMetricFamily:
        """Return a gauge of it without samples, for who is asked what they are."""
        return GaugeMetricFamily(self.name, self.says, labels=self.labels)


class Part:
    """The metrics of one part of ours; with those of its process, such as memory and processor time.

    Attributes:
        registry: What a page is made from.
        described: The metrics, in the order of their declaration.
    """

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry(auto_describe=False)
        self.described: Final[list[Described]] = []
        ProcessCollector(registry=self.registry)

    def counter(self, name: str, says: str, *labels: str) -> Counter:
        """Declare a counter; its name ends in `_total`."""
        self.collected("counter", name, says, *labels)
        return Counter(name, says, labels, registry=self.registry)

    def tally(self, name: str, says: str, *labels: str) -> "Tally":
        """Declare a counter for what is counted at every request; its name ends in `_total`."""
        made = Tally(self.collected("counter", name, says, *labels))
        self.registry.register(made)
        return made

    def gauge(self, name: str, says: str, *labels: str) -> Gauge:
        """Declare a gauge."""
        self.collected("gauge", name, says, *labels)
        return Gauge(name, says, labels, registry=self.registry)

    def histogram(self, name: str, says: str, bounds: Sequence[float], *labels: str) -> Histogram:
        """Declare a histogram."""
        self.collected("histogram", name, says, *labels)
        return Histogram(name, says, labels, buckets=bounds, registry=self.registry)

    def weighted(self, name: str, says: str, bounds: Sequence[float], label: str) -> "WeightedHistogram":
        """Declare a histogram that takes many equal amounts at once."""
        made = WeightedHistogram(self.collected("histogram", name, says, label), bounds)
        self.registry.register(made)
        return made

    def collected(self, kind: Kind, name: str, says: str, *labels: str) -> Described:
        """Declare a metric whose values are read where they are known, when a page is asked for."""
        self.described.append(Described(name, kind, labels, says))
        return self.described[-1]


class Tally(Collector):
    """A counter that is a plain number for each combination of labels. To be used on one event loop, pages included.

    prometheus_client's own has a lock and two calls for each step, which costs a request more than all else that is
    counted of it.

    Args:
        described: What it is.
    """

    def __init__(self, described: Described) -> None:
        self._described = described
        self._counts: defaultdict[tuple[object, ...], int] = defaultdict(int)

    def add(self, *labels: object, count: int = 1) -> None:
        """Count something; labels have the order of their declaration, and are written as text."""
        self._counts[labels] += count

    def collect(self) -> Iterable[Metric]:
        """Return the family."""
        name, _, labels, says = self._described
        family = CounterMetricFamily(name, says, labels=labels)
        for values, count in self._counts.items():
            family.add_metric([str(value) for _, value in zip(labels, values, strict=True)], count)
        yield family


class WeightedHistogram(Collector):
    """A histogram with one label whose observations have weights. To be used on one event loop, pages included.

    prometheus_client's own has a call, and two locks, for each observation: too much for each record of a batch, most
    of which have the same time as their neighbours, and more than a request at the edge should pay.

    Args:
        described: What it is.
        bounds: Upper bounds of the buckets, ascending.
    """

    def __init__(self, described: Described, bounds: Sequence[float]) -> None:
        self._described = described
        self._bounds = tuple(bounds)
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, amounts: Iterable[tuple[float, int]]) -> None:
        """Count amounts.

        Args:
            label: Value of the label.
            amounts: Each amount, and how often it is to be counted.
        """
        for amount, weight in amounts:
            self.add(label, amount, weight)

    def add(self, label: str, amount: float, weight: int = 1) -> None:
        """Count one amount, as often as its weight says."""
        if label not in self._counts:
            self._counts[label], self._sums[label] = [0] * (len(self._bounds) + 1), 0.0
        self._counts[label][bisect_left(self._bounds, amount)] += weight
        self._sums[label] += amount * weight

    def collect(self) -> Iterable[Metric]:
        """Return the family, its buckets cumulative."""
        name, _, labels, says = self._described
        family = HistogramMetricFamily(name, says, labels=labels)
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for label, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric([label], buckets, self._sums[label])
        yield family
