"""The sinks' own page: `/metrics`, `/livez`, which is answered while the loop that runs the feeds goes on, `/readyz`.

A broker or a Redis that is away makes the sinks unready, is in the metrics, and no reason to start again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamapp.clients.listening import address, listening
from streamapp.contracts.settings import Settings
from streamapp.metrics import sinks as metrics
from streamapp.metrics.exposition import page
from streamapp.sinks.standing import Standing

_log = logging.getLogger(__name__)


class _Standings(Collector):
    def __init__(self, standings: Sequence[Standing], mirror: Standing) -> None:
        self._standings = standings
        self._mirror = mirror

    def collect(self) -> Iterable[Metric]:
        mirror_delay, delay = metrics.MIRROR_DELAY.gauge(), metrics.SINK_DELAY.gauge()
        lag = metrics.LAG_RECORDS.gauge()
        mirror_delay.add_metric([], self._mirror.delay)
        for standing in self._standings:
            delay.add_metric([standing.sink], standing.delay)
            for partition, records in sorted(standing.lag.items()):
                lag.add_metric([standing.sink, str(partition)], records)
        yield from (mirror_delay, delay, lag)


class _Server(uvicorn.Server):
    """Ends when it is told to by who runs it, who has the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


@contextlib.asynccontextmanager
async def served(settings: Settings, standings: Sequence[Standing], mirror: Standing) -> AsyncIterator[int]:
    """Serve the page from this loop while the block runs, on a free port where that of the settings is taken.

    Args:
        settings: The settings in force.
        standings: How far each sink is.
        mirror: The one of them that is the mirror's of predictions.

    Yields:
        The port.

    Raises:
        SettingsError: It cannot listen there.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics.PART.registry)
    registry.register(_Standings(standings, mirror))
    host = settings.sinks_web_host
    with listening(host, settings.sinks_web_port, "sinks_web") as listener:
        port: int = listener.getsockname()[1]
        server = _Server(_config(registry, standings))
        serving = asyncio.create_task(server.serve([listener]), name="page")
        _log.info("The sinks' metrics are at http://%s/metrics", address(host, port))
        try:
            yield port
        finally:
            server.should_exit = server.force_exit = True
            await serving


def _config(registry: CollectorRegistry, standings: Sequence[Standing]) -> uvicorn.Config:
    return uvicorn.Config(
        _app(registry, standings), lifespan="off", ws="none", log_config=None, log_level="warning", access_log=False
    )


def _app(registry: CollectorRegistry, standings: Sequence[Standing]) -> Starlette:
    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        checks = {one.sink: _check(one) for one in standings}
        ready = all(one.follows for one in standings)
        body = {"status": "ready" if ready else "not_ready", "checks": checks}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def tell(request: Request) -> Response:
        body, content_type = page(registry, request.headers.get("accept"))
        return Response(body, headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", tell)])


def _check(standing: Standing) -> dict[str, Any]:
    detail = "follows its topic" if standing.follows else "the broker or the sink is away; the log says which"
    return {"ok": standing.follows, "detail": detail}
