"""The edge as a process: uvicorn with our settings."""

import logging
import math
import socket
from typing import Final

import uvicorn

from api.app import create_app
from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.settings import Settings

_BACKLOG: Final = 2048

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve the edge until SIGINT or SIGTERM; requests under way are answered first.

    Args:
        settings: The settings in force.

    Raises:
        ProcessFailed: The port is taken, or the address is none of this machine's.
    """
    listener = _listen(settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # While the broker is away it says so several times a second; the publisher says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    log.info("The edge listens on http://%s:%d (/docs shows what it takes)", *listener.getsockname()[:2])
    uvicorn.Server(_config(settings)).run([listener])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    try:
        return socket.create_server((settings.api_host, settings.api_port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise ProcessFailed(
            f"The edge cannot listen on {settings.api_host}:{settings.api_port} ({exc.strerror}). End what listens "
            "there, or set STREAMAPP_API_PORT and STREAMAPP_API_HOST (--port, --host) to one that is free."
        ) from exc


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        # No answer of ours names its own scheme or host.
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )
