"""`/metrics` on the worker's page: what was counted, and what is read when somebody asks."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from aiohttp import web
from faust.types import TP
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from streamapp.agents.queue import ModelQueue
from streamapp.contracts.status import Refused
from streamapp.metrics import worker as metrics
from streamapp.metrics.exposition import page
from streamapp.transport import Progress


class MetricsPage(Collector):
    """The worker's metrics.

    Args:
        served: Returns what is served, by alias.
        refused: Returns the versions that are wanted and cannot be served.
        progress: Returns how far each assigned partition is.
        standing: Returns the seconds for which each of them has stood still.
    """

    def __init__(
        self,
        served: Callable[[], Mapping[str, ModelQueue]],
        refused: Callable[[], Collection[Refused]],
        progress: Callable[[], Mapping[TP, Progress]],
        standing: Callable[[], Mapping[TP, float]],
    ) -> None:
        self._served = served
        self._refused = refused
        self._progress = progress
        self._standing = standing
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(metrics.PART.registry)
        self._registry.register(self)

    def install(self, web_page: Any) -> None:
        """Add it to the worker's page."""
        web_page.web_app.router.add_get("/metrics", self._answer)

    def collect(self) -> Iterable[Metric]:
        """Read what is not counted."""
        lag = metrics.LAG_RECORDS.gauge()
        for tp, now in self._progress().items():
            if now.lag is not None:
                lag.add_metric([tp.topic, str(tp.partition)], now.lag)
        standing = metrics.PARTITION_STANDING.gauge()
        for tp, seconds in self._standing().items():
            standing.add_metric([tp.topic, str(tp.partition)], seconds)
        served, wanting = self._served(), {one.alias for one in self._refused()}
        refused = metrics.MODEL_REFUSED.gauge()
        for alias in sorted(served.keys() | wanting):
            refused.add_metric([alias], alias in wanting)
        yield from (lag, standing, refused, *_versions(served.values()))

    async def _answer(self, request: web.Request) -> web.Response:
        body, content_type = page(self._registry, request.headers.get("Accept"))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _versions(queues: Iterable[ModelQueue]) -> Iterable[Metric]:
    info = metrics.MODEL_INFO.gauge()
    rows_of, seconds_of = metrics.MODEL_ROWS, metrics.MODEL_PREDICT_SECONDS
    rows = CounterMetricFamily(rows_of.name, rows_of.says, labels=rows_of.labels)
    seconds = SummaryMetricFamily(seconds_of.name, seconds_of.says, labels=seconds_of.labels)
    for queue in queues:
        card, stats = queue.card, queue.stats
        version = [card.alias, card.registered_name, card.version]
        info.add_metric([*version, card.flavor, card.way], 1)
        rows.add_metric(version, stats.rows)
        seconds.add_metric(version, stats.calls, stats.seconds)
    return info, rows, seconds
