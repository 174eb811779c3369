"""What every route works with: the parts of the edge."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastapi import Request

from api.admission.callers import Admission
from api.admission.lag import Lag
from api.admission.places import Places
from api.admission.room import Room
from api.idempotency.reservations import Reservations
from api.publishing.batch_publisher import BatchPublisher
from api.publishing.publisher import Publisher
from api.replies.waiters import Replies
from api.tasks.closing import Closing
from api.tasks.turns import Turns
from api.views.catalogue import Catalogue
from api.views.lookup import Lookup
from api.views.workers import Workers
from streamapp.contracts.settings import Settings

if TYPE_CHECKING:
    from streamapp.tracing.otlp import Tracer

#: `ce_source` of the requests that come in here.
SOURCE: Final = "/streamapp/edge"


@dataclass(frozen=True)
class Bulk:
    """What requests of many lines share.

    Attributes:
        kept: Memory for what they keep while they wait for their clients.
        places: For pieces of them that are being worked on.
        publisher: Puts record batches on the input topics.
        closing: Interrupts the reading of them when the edge ends.
        turns: Keeps them from holding up single requests.
    """

    kept: Room
    places: Places
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
        tracer: Makes spans; None where none are sent.
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
    tracer: "Tracer | None"


def edge_of(request: Request) -> Edge:
    """Return the parts of the edge that a request has come to."""
    edge: Edge = request.app.state.edge
    return edge
