"""`GET /metrics`: what the edge counts, for Prometheus."""

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from api.documents import declarations
from api.edge import Edge, edge_of
from api.http.routing import DirectRoute
from streamapp.contracts.keys import Scope
from streamapp.metrics import edge as counted
from streamapp.metrics.exposition import page

router = APIRouter(route_class=DirectRoute, tags=["Operation"])


class _Seen(Collector):
    """What is not counted but seen."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def collect(self) -> Iterable[Metric]:
        family = counted.LAG_RECORDS.gauge()
        for topic in self._edge.settings.input_topics:
            if (records := self._edge.lag.records(topic)) is not None:
                family.add_metric([topic], records)
        yield family


@router.get("/metrics", **declarations.METRICS)
async def metrics(request: Request) -> Response:
    """Return the metrics, as OpenMetrics or as Prometheus's own text.

    Where keys are asked for, it takes one with the scope `metrics`. No rate limit counts who asks: a scraper that is
    refused would be missed when it is needed most.
    """
    edge = edge_of(request)
    if edge.admission.keys is not None:
        edge.admission.identify(request, Scope.METRICS)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(counted.PART.registry)
    registry.register(_Seen(edge))
    body, content_type = page(registry, request.headers.get("accept"))
    return Response(body, headers={"Content-Type": content_type})
