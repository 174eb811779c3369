"""The composition root of the edge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import docs, predict, problems, routes
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
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings) as edge:
            app.state.edge = edge
            yield

    app = FastPath(
        title="streamapp",
        version=__version__,
        description=docs.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.include_direct(routes.router)
    app.include_direct(predict.router)
    problems.install(app)
    docs.install(app)
    return app


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Edge]:
    """Start the parts; end them in reverse order, delivering what was sent first."""
    async with Lookup(settings) as lookup:
        room, lease = Room(), Lease(settings)
        publisher, replies = Publisher(settings, room), Replies(settings, lease)
        workers, bulk = Workers(settings), _bulk(settings, room)
        edge = Edge(settings, room, publisher, Catalogue(settings), lookup, Lag(settings), replies, workers, bulk)
        need_topics = {
            "the model cards": edge.catalogue.run,
            "the lag of the workers": edge.lag.run,
            "what the workers say": workers.run,
            "the replies": replies.run,
            "the lease of a partition for replies": lease.run,
            "the producer of record batches": bulk.publisher.run,
        }
        tasks = [asyncio.create_task(keep(publisher.run, "the producer"))]
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
