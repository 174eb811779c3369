"""The edge as a process: uvicorn with our settings."""

import asyncio
import gc
import logging
import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.http.protocol import Protocol, bounded
from streamapp import logs
from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.settings import Settings

_BACKLOG: Final = 2048
#: Seconds that an idle connection is kept: longer than clients keep theirs (httpx 5 s, browsers and load balancers up
#: to 60 s). Whoever gives up first must not be the edge: a request that is on its way then is lost to a reset.
_KEEP_ALIVE: Final = 75
#: Uvicorn's ticks a second.
_TICKS: Final = 10
#: Share of the time to shut down after which nobody waits for predictions any longer.
_WAITING_SHARE: Final = 0.8

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve the edge until SIGINT or SIGTERM; requests under way are answered first.

    Args:
        settings: The settings in force.

    Raises:
        ProcessFailed: A port is taken, or the address is none of this machine's.
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(_listen(settings, *port)) for port in _ports(settings)]
        logs.configure(settings)
        # While the broker is away it says so several times a second; the publisher says it once.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        urls = " and ".join("http://{}:{}".format(*listener.getsockname()[:2]) for listener in listeners)
        log.info("The edge listens on %s (/docs shows what it takes)", urls)
        server = Server(create_app(settings), settings)
        # Else a full collection goes over all that was imported too: a tenth of a second without any answer.
        gc.collect()
        gc.freeze()
        server.run(listeners)


class Server(uvicorn.Server):
    """Uvicorn, with an end to waiting: for what does not arrive, and when connections are cut for predictions too.

    Args:
        app: The edge, from `create_app`.
        settings: The settings in force.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(_config(app, settings))
        self._state = app.state
        self._patience = settings.shutdown_timeout * _WAITING_SHARE

    async def on_tick(self, counter: int) -> bool:
        """Look after slow clients once a second."""
        if counter % _TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.end_if_slow(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, waiting neither for what goes on for ever nor, for long, for predictions."""
        edge = self._state.edge
        edge.bulk.closing.begin()
        asyncio.get_running_loop().call_later(self._patience, edge.replies.end)
        await super().shutdown(sockets)


def _ports(settings: Settings) -> Iterator[tuple[int, str]]:
    """Yield each port to listen on, with what sets it."""
    yield settings.api_port, "STREAMAPP_API_PORT (--port)"
    if settings.api_also_port is not None:
        yield settings.api_also_port, "STREAMAPP_API_ALSO_PORT (--also-port)"


def _listen(settings: Settings, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        return socket.create_server((settings.api_host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise ProcessFailed(
            f"The edge cannot listen on {settings.api_host}:{port} ({exc.strerror}). End what listens there, or set "
            f"{setting} or STREAMAPP_API_HOST (--host) to one that is free."
        ) from exc


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(settings),
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        # No answer of ours names its own scheme or host.
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )
