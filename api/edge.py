"""What every route works with: the parts of the edge, and a route without FastAPI's detours."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams

from api.admission import Admission
from api.batch_publisher import BatchPublisher
from api.catalogue import Catalogue
from api.closing import Closing
from api.errors import EdgeCode, Refusal
from api.lag import Lag
from api.lookup import Lookup
from api.publisher import Publisher
from api.replies import Replies
from api.reservations import Reservations
from api.room import Room
from api.turns import Turns
from api.workers import Workers
from streamapp.contracts.settings import Settings

#: `ce_source` of the requests that come in here.
SOURCE: Final = "/streamapp/edge"
JSON: Final = "application/json"


@dataclass(frozen=True)
class Bulk:
    """What requests of many lines share.

    Attributes:
        room: Memory for those under way; others leave theirs to single requests.
        publisher: Puts record batches on the input topics.
        closing: Interrupts the reading of them when the edge ends.
        turns: Keeps them from holding up single requests.
    """

    room: Room
    publisher: BatchPublisher
    closing: Closing
    turns: Turns


@dataclass(frozen=True)
class Edge:
    """The parts that the routes work with.

    Attributes:
        settings: The settings in force.
        room: Memory for requests under way.
        publisher: Puts requests on the input topics.
        catalogue: Knows the served models.
        lookup: Finds finished predictions.
        lag: Knows how many records wait for the workers.
        replies: Brings the workers' replies to who waits for them.
        workers: Knows what the workers say of their models.
        bulk: What requests of many lines share.
        admission: Says who may ask, for what and how often.
        reservations: Knows the requests with an `Idempotency-Key`.
    """

    settings: Settings
    room: Room
    publisher: Publisher
    catalogue: Catalogue
    lookup: Lookup
    lag: Lag
    replies: Replies
    workers: Workers
    bulk: Bulk
    admission: Admission
    reservations: Reservations


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request and nothing else.

    FastAPI's way to an endpoint costs more than all that our busiest one does: parameters solved, models validated,
    exit stacks made. What the endpoints take is declared in `docs` instead.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint itself."""
        return self.endpoint


def query_of(request: Request) -> QueryParams:
    """Return the query of a request; callers send few different ones, and parsing one takes longer than a row.

    Raises:
        Refusal: It names an address for a model, as MLflow's tools take them. A model has an alias here.
    """
    return _parsed(request.scope["query_string"])


@lru_cache(maxsize=64)
def _parsed(query: bytes) -> QueryParams:
    parsed = QueryParams(query)
    if ":/" in parsed.get("model", ""):
        raise Refusal(EdgeCode.INVALID_PARAMETER, "`model` is an alias and no address; GET /models lists them.")
    return parsed


def edge_of(request: Request) -> Edge:
    """Return the parts of the edge that a request has come to."""
    edge: Edge = request.app.state.edge
    return edge
