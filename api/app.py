"""The composition root of the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response

from api import docs, docs_page, dropin_mlflow, dropin_oip, openapi, pages, predict, problems, routes
from api.admission import Admission
from api.batch_publisher import BatchPublisher
from api.catalogue import Catalogue
from api.closing import Closing
from api.edge import Bulk, Edge
from api.fast_path import FastPath
from api.keeping import after, keep
from api.lag import Lag
from api.lease import Lease
from api.lookup import Lookup
from api.publisher import Publisher
from api.replies import Replies
from api.reservations import Reservations
from api.room import Room
from api.turns import Turns
from api.workers import Workers
from streamapp import __version__
from streamapp.contracts.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """Make the edge. Its clients live from the application's startup to its shutdown.

    It starts whether the broker and Redis are there or not: what needs them is answered with 503 until they are.

    Args:
        settings: The settings in force.

    Raises:
        SettingsError: The file of the API keys cannot be used.
    """
    admission = Admission(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings, admission) as edge:
            app.state.edge = edge
            yield

    app = FastPath(
        title="streamapp",
        version=__version__,
        description=docs.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        default_response_class=Response,  # of no media type: what a route answers stands in its declaration
        docs_url=None,  # see `docs_page`
        redoc_url=None,
    )
    app.include_direct(routes.router)
    app.include_direct(predict.router)
    app.include_direct(pages.router)
    app.include_direct(docs_page.router)
    app.include_direct(dropin_mlflow.router)
    app.include_direct(dropin_oip.router)
    problems.install(app)
    openapi.install(app)
    return app


@asynccontextmanager
async def _running(settings: Settings, admission: Admission) -> AsyncIterator[Edge]:
    """Start the parts; end them in reverse order, delivering what was sent first."""
    async with Lookup(settings) as lookup, admission, Reservations(settings) as reservations:
        room, lease = Room(), Lease(settings)
        publisher, replies = Publisher(settings, room), Replies(settings, lease)
        workers, bulk = Workers(settings), _bulk(settings, room)
        catalogue, lag = Catalogue(settings), Lag(settings)
        edge = Edge(
            settings, room, publisher, catalogue, lookup, lag, replies, workers, bulk, admission, reservations
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


def _bulk(settings: Settings, singles: Room) -> Bulk:
    room = Room()
    return Bulk(room, BatchPublisher(settings, room), Closing(), Turns(lambda: singles.taken))
