"""`/metrics` of the sinks worker, on a port of its own."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamapp.contracts.settings import Settings
from streamapp.metrics import sinks as metrics
from streamapp.sinks.standing import Standing

_log = logging.getLogger(__name__)


class _Standings(Collector):
    def __init__(self, standings: Sequence[Standing], mirror: Standing) -> None:
        self._standings = standings
        self._mirror = mirror

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(metrics.MIRROR_DELAY.name, metrics.MIRROR_DELAY.says, self._mirror.delay)
        lag = GaugeMetricFamily(metrics.LAG_RECORDS.name, metrics.LAG_RECORDS.says, labels=metrics.LAG_RECORDS.labels)
        for standing in self._standings:
            for partition, records in sorted(standing.lag.items()):
                lag.add_metric([standing.sink, str(partition)], records)
        yield lag


@contextlib.asynccontextmanager
async def served(settings: Settings, standings: Sequence[Standing], mirror: Standing) -> AsyncIterator[int]:
    """Serve the page from a thread while the block runs, on a free port where that of the settings is taken.

    Args:
        settings: The settings in force.
        standings: How far each sink is.
        mirror: The one of them that is the mirror's of predictions.

    Yields:
        The port.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.PART.registry)
    registry.register(_Standings(standings, mirror))
    server, thread = _listen(settings, registry)
    host, port = settings.sinks_web_host, server.server_port
    _log.info("The sinks' metrics are at http://%s:%d/metrics", f"[{host}]" if ":" in host else host, port)
    try:
        yield port
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()


def _listen(settings: Settings, registry: CollectorRegistry) -> tuple[WSGIServer, Thread]:
    with contextlib.suppress(OSError):
        return start_http_server(settings.sinks_web_port, settings.sinks_web_host, registry)
    return start_http_server(0, settings.sinks_web_host, registry)
