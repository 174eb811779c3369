"""The scoring agent: batch in, outcome out, acknowledged when delivered.

The loop decodes nothing and decides nothing. What a record or a model does wrong is a dead letter by the time it gets
here. What raises here is a broker that refuses, or a fault of ours: it crashes the worker with the batch not
acknowledged, and the next worker gets the batch again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import faust
import msgspec
from faust.types import TP

from streamapp.agents.queue import ModelQueue
from streamapp.agents.spans import BatchSpans, Spans, failing
from streamapp.agents.telling import tell
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Switch
from streamapp.delivery.port import Delivery
from streamapp.metrics import worker as metrics
from streamapp.scoring.groups import Groups, Request, Result, group, merge
from streamapp.scoring.model import Model
from streamapp.scoring.records import Outcome, Scored
from streamapp.scoring.score import Limits
from streamapp.transport import Batch, BatchSchema

#: attrgetter runs in C.
_TIMESTAMP: Final = attrgetter("record.timestamp")
#: Says whether any of some aliases is served by now.
Awaited = Callable[[Collection[str]], Awaitable[bool]]


class Work(NamedTuple):
    """A batch that was scored.

    Attributes:
        outcome: What became of its records.
        results: The same of those that a model was asked for, by its alias.
        spans: Its spans; None where no record is traced.
    """

    outcome: Outcome
    results: Mapping[str, Sequence[Result]]
    spans: BatchSpans | None


class ScoringService:
    """Scores batches off the event loop, models side by side, and delivers what comes of them.

    A batch is scored with the models that are served when it is begun. A version's first outcome on a partition goes
    out with a switch, which says so.

    Args:
        delivery: Where outcomes go; started.
        settings: The settings in force.
    """

    def __init__(self, delivery: Delivery, settings: Settings) -> None:
        self._delivery = delivery
        self._limits = Limits(
            settings.max_rows,
            settings.max_output_bytes,
            settings.predict_timeout,
            settings.max_fields,
            settings.max_depth,
        )
        self._most = settings.max_batch_records
        #: Replaced as a whole, so that a batch keeps those that it was begun with.
        self._served: Mapping[str, ModelQueue] = MappingProxyType({})
        #: The version that the outcomes of each partition were last said to be of, by alias.
        self._switched: dict[tuple[TP, str], str] = {}
        self._awaited: Awaited = _nothing
        self._spans: Spans | None = None
        # One thread: batches are decoded in the order in which they came.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="decode")

    @property
    def served(self) -> Mapping[str, ModelQueue]:
        """What is served now, by alias."""
        return self._served

    def serve(self, model: Model) -> None:
        """Score requests for a model's alias with this model, from the next batch on."""
        queue, alias = ModelQueue(model, self._limits, self._most), model.card.alias
        metrics.serves(alias)
        if alias in self._served:
            metrics.MODEL_SWAPS.labels(alias).inc()
        self._served = MappingProxyType({**self._served, alias: queue})

    def withdraw(self, alias: str) -> None:
        """Serve an alias no more, from the next batch on: requests for it become dead letters."""
        self._served = MappingProxyType({other: queue for other, queue in self._served.items() if other != alias})

    def on_unknown(self, awaited: Awaited) -> None:
        """Ask this, with aliases that records name and that are not served, whether any is now; it may wait."""
        self._awaited = awaited

    def trace(self, spans: Spans) -> None:
        """Make spans of the batches that have traced records."""
        self._spans = spans

    def forget(self) -> None:
        """Forget what was said of partitions: after a rebalance, another worker may have said something else."""
        self._switched.clear()

    async def score(self, batch: Batch) -> Work:
        """Score a batch, off the event loop; a model that is slow holds up no other's calls."""
        spans = None if self._spans is None else self._spans.begin(batch)
        with failing(spans):
            return await self._score(batch, spans)

    async def _score(self, batch: Batch, spans: BatchSpans | None) -> Work:
        begun = time.monotonic()
        served, groups = await self._group(batch)
        metrics.DECODE.observe(took := time.monotonic() - begun)
        if spans is not None:
            spans.stage("decode", took)
        calls = [_call(served[alias], requests, spans) for alias, requests in groups.requests.items()]
        results = dict(zip(groups.requests, await asyncio.gather(*calls), strict=True))
        now = codec.utc_now()
        switches = [
            _switch(served[alias].card, batch.tp, requests[0].record.offset, now)
            for alias, requests in groups.requests.items()
        ]
        outcome = msgspec.structs.replace(merge(groups, results), switches=switches)
        return Work(outcome if spans is None else spans.carried(outcome), results, spans)

    async def _group(self, batch: Batch) -> tuple[Mapping[str, ModelQueue], Groups]:
        loop, served = asyncio.get_running_loop(), self._served
        groups = await loop.run_in_executor(self._thread, group, batch.records, served)
        if groups.unknown and await self._awaited(groups.unknown):
            # Only what was missing: for the rest it stays with what the batch was begun with.
            served = {**self._served, **served}
            groups = await loop.run_in_executor(self._thread, group, batch.records, served)
        return served, groups

    async def deliver(self, batch: Batch, work: Work) -> None:
        """Deliver the outcome of a batch, unless and until its partition is lost.

        Raises:
            BrokerUnavailable: The broker refused; the batch may not be acknowledged.
        """
        tp, (outcome, results, spans), begun = batch.tp, work, time.monotonic()
        news = [switch for switch in outcome.switches if self._switched.get((tp, switch.alias)) != _version(switch)]
        outcome = msgspec.structs.replace(outcome, switches=news)
        await self._delivery.deliver(outcome, given_up=lambda: batch.lost)
        if batch.lost:
            if spans is not None:
                spans.lose()
            return
        metrics.PRODUCE.observe(took := time.monotonic() - begun)
        _count(work)
        tell(outcome)
        if spans is not None:
            spans.stage("produce", took)
            spans.end(results, outcome.dead_letters)
        self._switched.update({(tp, switch.alias): _version(switch) for switch in news})


async def _call(queue: ModelQueue, requests: Sequence[Request], spans: BatchSpans | None) -> Sequence[Result]:
    if spans is None:
        return await queue.score(requests)
    begun = time.monotonic()
    results = await queue.score(requests)
    spans.stage(f"predict {queue.card.alias}", time.monotonic() - begun)
    return results


def _count(work: Work) -> None:
    """Count a batch that is acknowledged."""
    outcome, now = work.outcome, time.time()
    for alias, results in work.results.items():
        scored = [result for result in results if isinstance(result, Scored)] if outcome.dead_letters else results
        metrics.predicted(alias, map(_TIMESTAMP, scored), len(results) - len(scored), now)
    metrics.acknowledged(
        len(outcome.predictions) + len(outcome.dead_letters),
        sum(map(len, work.results.values())),
        [letter.code for letter in outcome.dead_letters],
        now,
    )


async def _nothing(_: Collection[str]) -> bool:
    return False


def install(app: faust.App, topics: tuple[str, ...], partitions: int, service: ScoringService) -> None:
    """Add the scoring agent to an app that runs on the batch transport."""
    channel = app.topic(*topics, schema=BatchSchema(), partitions=partitions)

    @app.agent(channel, name="scoring")
    async def score(stream: Any) -> None:  # Faust's own types of agent and stream do not fit together
        await run(stream.noack().events(), service)


async def run(events: AsyncIterator[Any], service: ScoringService) -> None:
    """Score batches side by side; deliver those of a partition one after the other, in input order.

    How many wait is bounded by the transport, which hands out a batch only while few are not acknowledged.

    Raises:
        ExceptionGroup: A delivery failed. What was not acknowledged is read again by the next worker.
    """
    last: dict[Any, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as batches:
        async for event in events:
            tp = event.value.tp
            last[tp] = batches.create_task(_finish(event, service, last.get(tp)))


async def _finish(event: Any, service: ScoringService, before: asyncio.Task[None] | None) -> None:
    work = await service.score(event.value)
    with failing(work.spans):
        if before is not None:
            begun = time.monotonic()
            await before
            metrics.ORDER.observe(time.monotonic() - begun)
        await service.deliver(event.value, work)
    event.ack()


def _switch(card: ModelCard, tp: TP, offset: int, now: str) -> Switch:
    return Switch(
        alias=card.alias,
        registered_name=card.registered_name,
        version=card.version,
        run_id=card.run_id,
        topic=tp.topic,
        partition=tp.partition,
        offset=offset,
        time=now,
    )


def _version(switch: Switch) -> str:
    return f"{switch.registered_name}/{switch.version}"
