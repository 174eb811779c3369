"""The composition root of the edge."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError
from fastapi import FastAPI

from api import docs, problems
from api.catalogue import Catalogue
from api.lag import Lag
from api.lookup import Lookup
from api.publisher import Publisher
from api.room import Room
from api.routes import Edge, router
from streamapp import __version__
from streamapp.contracts.errors import StreamappError
from streamapp.contracts.settings import Settings

#: Seconds until a part that failed is started again.
_PAUSE: Final = 1.0

log = logging.getLogger(__name__)


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

    app = FastAPI(
        title="streamapp",
        version=__version__,
        description=docs.DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.include_router(router)
    problems.install(app)
    docs.install(app)
    return app


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Edge]:
    """Start the parts; end them in reverse order, delivering what was sent first."""
    async with Lookup(settings) as lookup:
        room = Room()
        edge = Edge(settings, room, Publisher(settings, room), Catalogue(settings), lookup, Lag(settings))
        tasks = [
            asyncio.create_task(_keep(edge.publisher.run, "the producer")),
            asyncio.create_task(_keep(_after(edge.publisher.topics_ready, edge.catalogue.run), "the model cards")),
            asyncio.create_task(_keep(_after(edge.publisher.topics_ready, edge.lag.run), "the lag of the workers")),
        ]
        try:
            yield edge
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=settings.shutdown_timeout)


async def _keep(run: Callable[[], Awaitable[None]], what: str) -> None:
    """Run a part until cancelled, starting it again where it fails."""
    while True:
        try:
            await run()
        except (StreamappError, KafkaError, OSError) as exc:
            log.warning("Trying again with %s: %s", what, str(exc) or type(exc).__name__)
        except Exception:
            log.exception("Trying again with %s", what)
        await asyncio.sleep(_PAUSE)


def _after(event: asyncio.Event, run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def wait_and_run() -> None:
        await event.wait()
        await run()

    return wait_and_run
