"""The composition root of the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Response

from api.admission.callers import Admission
from api.admission.lag import Lag
from api.admission.places import Places
from api.admission.room import Room
from api.documents import declarations, openapi, pages, swagger_ui
from api.dropin import declarations as dropin
from api.dropin import mlflow, oip
from api.edge import Bulk, Edge
from api.http.routing import FastPath
from api.idempotency.reservations import Reservations
from api.problems import handlers
from api.publishing.batch_publisher import BatchPublisher
from api.publishing.publisher import Publisher
from api.replies.lease import Lease
from api.replies.waiters import Replies
from api.routes import health, metrics, models, predict, predict_stream, predictions
from api.tasks.closing import Closing
from api.tasks.keeping import after, keep
from api.tasks.turns import Turns
from api.views.catalogue import Catalogue
from api.views.lookup import Lookup
from api.views.workers import Workers
from streamapp import __version__, tracing
from streamapp.contracts.settings import Settings

if TYPE_CHECKING:
    from streamapp.tracing.otlp import Tracer

#: Bulk requests have memory of their own, so that they are refused before single ones are: 64 MiB, as those have.
#: What they keep while they wait for their clients, beyond what a connection costs anyway.
KEPT_BYTES: Final = 16 * 1024 * 1024
#: Pieces of them that are worked on at a time, each with its lines and records in 2 MiB, an upper guess; and those
#: that wait with up to 640 KiB, half of it read by the server alone.
PLACES: Final = 8
QUEUE: Final = 40
#: Records that the broker has not acknowledged.
UNACKNOWLEDGED_BYTES: Final = 8 * 1024 * 1024


def create_app(settings: Settings) -> FastAPI:
    """Make the edge. Its clients live from the application's startup to its shutdown.

    It starts whether the broker and Redis are there or not: what needs them is answered with 503 until they are.

    Args:
        settings: The settings in force.

    Raises:
        SettingsError: The file of the API keys cannot be used, or spans are wanted and cannot be made.
    """
    admission, tracer = Admission(settings), tracing.tracer(settings, "edge")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings, admission, tracer) as edge:
            app.state.edge = edge
            yield

    app = FastPath(
        title="streamapp",
        version=__version__,
        description=declarations.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        default_response_class=Response,  # of no media type: what a route answers stands in its declaration
        docs_url=None,  # see `documents.swagger_ui`
        redoc_url=None,
    )
    for module in (predict_stream, predict, predictions, models, health, metrics, pages, swagger_ui, mlflow, oip):
        app.include_direct(module.router)
    handlers.install(app)
    openapi.install(app, dropin.MESSAGES)
    return app


@asynccontextmanager
async def _running(settings: Settings, admission: Admission, tracer: "Tracer | None") -> AsyncIterator[Edge]:
    """Start the parts; end them in reverse order, delivering what was sent first."""
    async with Lookup(settings) as lookup, admission, Reservations(settings) as reservations:
        room, lease = Room(), Lease(settings)
        publisher, replies = Publisher(settings, room), Replies(settings, lease)
        workers, bulk = Workers(settings), _bulk(settings, room)
        catalogue, lag = Catalogue(settings), Lag(settings)
        edge = Edge(
            settings, room, publisher, catalogue, lookup, lag, replies, workers, bulk, admission, reservations, tracer
        )
        need_topics = {
            "the model cards": edge.catalogue.run,
            "the lag of the workers": edge.lag.run,
            "what the workers say": workers.run,
            "the replies": replies.run,
            "the lease of a partition for replies": lease.run,
            "the producer of record batches": bulk.publisher.run,
        }
        tasks = [asyncio.create_task(keep(publisher.run, "the producer"))]
        if admission.keys is not None:
            tasks.append(asyncio.create_task(keep(admission.keys.run, "the file of the API keys")))
        tasks += [
            asyncio.create_task(keep(after(publisher.topics_ready, run), what)) for what, run in need_topics.items()
        ]
        try:
            yield edge
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=settings.shutdown_timeout)
            if tracer is not None:
                await asyncio.to_thread(tracer.stop)


def _bulk(settings: Settings, singles: Room) -> Bulk:
    publisher = BatchPublisher(settings, Room(UNACKNOWLEDGED_BYTES))
    turns = Turns(lambda: singles.taken)
    return Bulk(Room(KEPT_BYTES), Places(PLACES, QUEUE), publisher, Closing(), turns)
