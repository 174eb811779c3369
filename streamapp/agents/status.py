"""What this worker says of its models: a record on the status topic."""

import asyncio
import contextlib
import os
import socket
import uuid
from collections.abc import Callable
from typing import Final

from mode import Service

from streamapp.agents.queue import ModelQueue
from streamapp.agents.scoring import ScoringService
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import STALE_AFTER, Refused, Serving, WorkerStatus
from streamapp.delivery.port import Delivery

#: Seconds between two records; a few may be missed before the worker counts as gone.
INTERVAL: Final = STALE_AFTER / 6
#: Seconds that the last word may take.
_GOODBYE: Final = 2.0


class StatusReport(Service):
    """Publishes the worker's status every few seconds and when something changes; nothing once it has stopped.

    Args:
        settings: The settings in force.
        service: What is served.
        refused: Returns what is refused.
        delivery: Publishes the status.

    Attributes:
        worker: The worker's name: unique while it lives.
    """

    def __init__(
        self,
        settings: Settings,
        service: ScoringService,
        refused: Callable[[], tuple[Refused, ...]],
        delivery: Delivery,
    ) -> None:
        super().__init__()
        self.worker: Final = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._topic = settings.status_topic
        self._service = service
        self._refused = refused
        self._delivery = delivery

    def status(self) -> WorkerStatus:
        """Return what is to be said now."""
        serving = tuple(_serving(queue) for _, queue in sorted(self._service.served.items()))
        return WorkerStatus(self.worker, codec.utc_now(), serving, self._refused())

    @Service.task
    async def _report(self) -> None:
        said, since = None, 0.0
        while not self.should_stop:
            news = (self._refused(), {alias: queue.since for alias, queue in self._service.served.items()})
            now = self.loop.time()
            if news != said or now - since >= INTERVAL:
                with contextlib.suppress(BrokerUnavailable):  # the next one says it
                    await self._delivery.publish(self._topic, self.worker, codec.encode(self.status()))
                said, since = news, now
            await self.sleep(1.0)

    async def say_goodbye(self) -> None:
        """Take the status away, unless the broker is; to be called while the delivery still runs."""
        if not self.started:
            return
        await self.stop()
        with contextlib.suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await self._delivery.publish(self._topic, self.worker, None)


def _serving(queue: ModelQueue) -> Serving:
    card, stats = queue.card, queue.stats
    return Serving(
        alias=card.alias,
        registered_name=card.registered_name,
        version=card.version,
        run_id=card.run_id,
        flavor=card.flavor,
        since=queue.since,
        rows=stats.rows,
        calls=stats.calls,
        p50_ms=round(1000 * stats.percentile(50), 3),
        p99_ms=round(1000 * stats.percentile(99), 3),
    )
