"""Whether a scoring worker lives and is ready, as its page says: `/livez` and `/readyz` on `worker_web_port`.

Both answer from the moment that the worker starts, while its models load too. An event loop that hangs answers
neither, which a probe takes for a failure; a scoring thread or a fetch that hangs shows as records that wait.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import faust
from aiohttp import web
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faust.types import TP
from mode import Service

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Refused
from streamapp.transport import Progress

ROLE: Final = "worker-health"
#: Seconds between looks, and until a broker that did not answer counts as away.
_INTERVAL: Final = 1.0
_PATIENCE: Final = 2.0


class Watch:
    """For how long records of each partition have waited while nothing of it was finished. Pure."""

    def __init__(self) -> None:
        self._settled: dict[TP, int | None] = {}
        self._waited: dict[TP, float] = {}

    def look(self, seen: Mapping[TP, Progress], elapsed: float) -> None:
        """Take note of what is seen now.

        Args:
            seen: Progress of the assigned partitions; empty where standing still is nobody's fault here.
            elapsed: Seconds since the last look.
        """
        stood = {tp for tp, now in seen.items() if now.waiting and (tp, now.settled) in self._settled.items()}
        self._waited = {tp: self._waited[tp] + elapsed if tp in stood else 0.0 for tp in seen}
        self._settled = {tp: now.settled for tp, now in seen.items()}

    def standing(self, seconds: float) -> dict[TP, float]:
        """Return the partitions that have stood still for at least so long, and for how long each has."""
        return {tp: waited for tp, waited in self._waited.items() if waited >= seconds}


class Health(Service):
    """Looks every second at the broker and at the progress of each assigned partition.

    A worker whose broker is away lives, since another start would not bring it back; it is not ready.

    Args:
        app: The worker's app, on the batch transport.
        settings: The settings in force.
        models: Returns the aliases that are served so far.
        refused: Returns the versions that are wanted and cannot be served.
    """

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        models: Callable[[], Collection[str]],
        refused: Callable[[], Collection[Refused]],
    ) -> None:
        super().__init__()
        self._app = app
        self._settings = settings
        self._models = models
        self._refused = refused
        self._watch = Watch()
        self._broker = False

    async def start_with(self, page: Any) -> None:
        """Start looking and, where the worker has a page, serving; Faust would do so only after its first start."""
        await self._app.add_runtime_dependency(self)
        await self.maybe_start()
        if self._app.conf.web_enabled:
            await page.maybe_start()

    def install(self, page: Any) -> None:
        """Add the two addresses to the worker's page."""
        page.web_app.router.add_get("/livez", self._livez)
        page.web_app.router.add_get("/readyz", self._readyz)

    @Service.task
    async def _look(self) -> None:
        client = AIOKafkaClient(**kafka.connection(self._settings, ROLE), request_timeout_ms=int(_PATIENCE * 1000))
        try:
            looked = time.monotonic()
            while not self.should_stop:
                self._broker = await _answers(client)
                now = time.monotonic()
                # A process that was stopped for a while has not stood still: it may go on now.
                self._watch.look(self._progress(), min(now - looked, _INTERVAL + _PATIENCE))
                looked = now
                await self.sleep(_INTERVAL)
        finally:
            await client.close()

    def standing(self) -> Mapping[TP, float]:
        """Return for how many seconds records of each assigned partition wait while none of it is finished.

        Nothing while the broker is away.
        """
        return self._watch.standing(0.0)

    def _progress(self) -> Mapping[TP, Progress]:
        consumer: Any = self._app.consumer
        return consumer.progress() if self._broker and consumer.started else {}

    async def _livez(self, _: web.Request) -> web.Response:
        standing = self._watch.standing(self._settings.liveness_timeout)
        if not standing:
            return web.json_response({"status": "alive"})
        which = ", ".join(f"{tp.topic}-{tp.partition} ({waited:.0f} s)" for tp, waited in sorted(standing.items()))
        return web.json_response(
            {"status": "hung", "detail": f"records wait and none is finished: {which}"}, status=503
        )

    async def _readyz(self, _: web.Request) -> web.Response:
        aliases = ", ".join(sorted(self._models()))
        missing = "; ".join(("no model is loaded yet", *(f"{one.alias}: {one.reason}" for one in self._refused())))
        checks = {
            "broker": {"ok": self._broker, "detail": self._settings.broker},
            "models": {"ok": bool(aliases), "detail": aliases or missing},
        }
        ready = all(check["ok"] for check in checks.values())
        body = {"status": "ready" if ready else "not_ready", "checks": checks}
        return web.json_response(body, status=200 if ready else 503)


async def _answers(client: AIOKafkaClient) -> bool:
    """Ask the broker for anything at all."""
    with contextlib.suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            if not client.cluster.brokers():
                await client.bootstrap()
            return bool(await client.force_metadata_update())
    return False
