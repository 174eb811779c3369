"""Measures what the stack can do, then holds a share of that for a while."""

import asyncio
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from producer.summary import Summary
from soak import figures
from soak.figures import Figures
from soak.load import MODEL, load
from soak.sampling import Sample, Sampler
from soak.stack import Stack
from streamapp.embedded.processes import Child

#: Share of the capacity that is held.
SHARE: Final = 0.7
#: Share of the load that goes through the edge, and the most requests a second: one client can do few more.
_OVER_HTTP: Final = 0.1
_MOST_OVER_HTTP: Final = 100.0
#: Records that make everything warm, and those of the burst that is measured.
_WARM: Final = 5_000
_BURST: Final = 40_000
#: Seconds for a burst, for a load to end behind its time, and for what is left to be processed then.
_BURST_LIMIT: Final = 180.0
_GRACE: Final = 30.0
_LEVEL_LIMIT: Final = 60.0
_POLL: Final = 0.05

#: Is told what is being done.
Tell = Callable[[str], None]


class Plan(NamedTuple):
    """What is to be held.

    Attributes:
        kind: `kafka` or `embedded`.
        duration: Seconds of load.
        rate: Records a second; None: a share of the capacity.
    """

    kind: str
    duration: float
    rate: float | None


class Held(NamedTuple):
    """What came of it.

    Attributes:
        figures: In figures.
        samples: In samples, from the beginning of the load until everything was processed.
    """

    figures: Figures
    samples: list[Sample]


async def soak(plan: Plan, folder: Path, tell: Tell) -> Held:
    """Run a soak.

    Args:
        plan: What is to be held.
        folder: Folder for data and logs.
        tell: Is told what is being done.

    Raises:
        ProcessFailed: Something did not start.
        TimeoutError: A burst was not processed in time.
    """
    tell("Starting broker and MLflow, training the models, starting edge, worker and sinks")
    async with Stack(plan.kind, folder) as stack:
        tell(f"Measuring the capacity with {_BURST:,} records")
        # Also where the rate is given: with the largest batches that there can be, memory is what it has to be.
        capacity = await _capacity(stack)
        rate = plan.rate or SHARE * capacity
        tell(f"Holding {rate:,.0f} records/s for {plan.duration:.0f} s")
        return await _hold(stack, plan, capacity, rate)


async def _capacity(stack: Stack) -> float:
    """Return how many records a second pass through all parts, the load beside them."""
    async with Sampler(stack.settings, {}) as sampler:
        await _burst(stack, sampler, _WARM)
        return _BURST / await _burst(stack, sampler, _BURST)


async def _burst(stack: Stack, sampler: Sampler, count: int) -> float:
    """Return in how many seconds so many records are put, processed and mirrored."""
    clock = asyncio.get_running_loop().time
    start, wanted = clock(), await sampler.mirrored() + count
    async with asyncio.timeout(_BURST_LIMIT):
        await load(stack.settings, 0, count, asyncio.Event())
        while await sampler.mirrored() < wanted:
            await asyncio.sleep(_POLL)
    return clock() - start


async def _hold(stack: Stack, plan: Plan, capacity: float, rate: float) -> Held:
    async with Sampler(stack.settings, stack.processes()) as sampler:
        before = await sampler.mirrored()
        put, answers = await _loaded(stack, plan.duration, rate)
        under_load = list(sampler.samples)
        level = await _level(sampler, before + put + answers.sent)
    begin = figures.settling(plan.duration)
    lags = figures.lags(under_load)
    found = Figures(
        broker=plan.kind,
        duration=plan.duration,
        settling=begin,
        capacity=capacity,
        rate=rate,
        processed=figures.rate([sample for sample in under_load if begin <= sample.seconds <= plan.duration]),
        growth=figures.growths(under_load, begin),
        lag_max=max(lags),
        lag_median=statistics.median(lags),
        lag_end=sampler.lag(),
        level_s=level,
        http_failed=answers.failed,
    )
    return Held(found, sampler.samples)


async def _loaded(stack: Stack, duration: float, rate: float) -> tuple[int, Summary]:
    """Hold the load; return how many records were put on the topic, and what the edge answered to the others."""
    over_http = min(_OVER_HTTP * rate, _MOST_OVER_HTTP)
    straight = rate - over_http
    summary = stack.folder / "produce.json"
    options = ("--to", "http", "--model", MODEL, "--rate", f"{over_http}", "--duration", f"{duration}")
    edge = stack.start("produce", "streamapp", "produce", *options, "--summary", str(summary))
    topic = stack.start("load", "soak.load", f"{straight}", f"{straight * duration:.0f}")
    await asyncio.gather(*(_ended(stack, child, duration + _GRACE) for child in (edge, topic)))
    return int(topic.log_tail()), msgspec.json.decode(summary.read_bytes(), type=Summary)


async def _ended(stack: Stack, child: Child, limit: float) -> None:
    """Wait for the end of a load; tell one to end that is behind its time."""
    await child.wait(limit)
    await stack.stop(child)


async def _level(sampler: Sampler, wanted: int) -> float | None:
    """Return in how many seconds everything was processed and mirrored, None where it was not in time."""
    clock = asyncio.get_running_loop().time
    start = clock()
    while clock() - start < _LEVEL_LIMIT:
        if sampler.lag() == 0 and await sampler.mirrored() >= wanted:
            return round(clock() - start, 1)
        await asyncio.sleep(_POLL)
    return None
