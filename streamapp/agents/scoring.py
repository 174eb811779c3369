"""The scoring agent: batch in, outcome out, acknowledged when delivered.

The loop decodes nothing and decides nothing. What a record or a model does wrong is a dead letter by the time it gets
here. What raises here is a broker that refuses, or a fault of ours: it crashes the worker with the batch not
acknowledged, and the next worker gets the batch again.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust

from streamapp.contracts.topics import Topic
from streamapp.delivery.port import Delivery
from streamapp.scoring.model import Model
from streamapp.scoring.records import Outcome
from streamapp.scoring.score import Limits, Scorer
from streamapp.transport import Batch, BatchSchema


class ScoringService:
    """Scores batches off the event loop and delivers what comes of them.

    Args:
        delivery: Where outcomes go; started.
        limits: What a request and its prediction may be.
    """

    def __init__(self, delivery: Delivery, limits: Limits) -> None:
        self._delivery = delivery
        self._limits = limits
        self._models: Mapping[str, Model] = {}
        self._scorer = Scorer({}, limits)
        # One thread: batches are scored one after the other, and the event loop stays free for heartbeats.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scoring")

    def aliases(self) -> tuple[str, ...]:
        """Return the aliases that are served so far."""
        return tuple(self._models)

    async def serve(self, models: Mapping[str, Model]) -> None:
        """Score with these models from the next batch on, and publish their cards.

        Raises:
            BrokerUnavailable: The broker did not acknowledge a card.
        """
        self._models = models
        self._scorer = Scorer(models, self._limits)
        for model in models.values():
            await self._delivery.publish(model.card)

    async def score(self, batch: Batch) -> Outcome:
        """Score a batch, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._scorer.score, batch.records)

    async def deliver(self, batch: Batch, outcome: Outcome) -> None:
        """Deliver the outcome of a batch, unless and until its partition is lost.

        Raises:
            BrokerUnavailable: The broker refused; the batch may not be acknowledged.
        """
        await self._delivery.deliver(outcome, given_up=lambda: batch.lost)


def install(app: faust.App, topic: Topic, service: ScoringService) -> None:
    """Add the scoring agent to an app that runs on the batch transport."""
    channel = app.topic(topic.name, schema=BatchSchema(), partitions=topic.partitions)

    @app.agent(channel, name="scoring")
    async def score(stream: Any) -> None:  # Faust's own types of agent and stream do not fit together
        await run(stream.noack().events(), service)


async def run(events: AsyncIterator[Any], service: ScoringService) -> None:
    """Score one batch while outcomes of those before are delivered: one a partition at a time, in input order.

    How many wait is bounded by the transport, which hands out a batch only while few are not acknowledged.

    Raises:
        ExceptionGroup: A delivery failed. What was not acknowledged is read again by the next worker.
    """
    last: dict[Any, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as deliveries:
        async for event in events:
            outcome = await service.score(event.value)
            tp = event.value.tp
            last[tp] = deliveries.create_task(_finish(event, outcome, service, last.get(tp)))


async def _finish(event: Any, outcome: Outcome, service: ScoringService, before: asyncio.Task[None] | None) -> None:
    if before is not None:
        await before
    await service.deliver(event.value, outcome)
    event.ack()
