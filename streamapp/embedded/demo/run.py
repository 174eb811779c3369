"""Runs the demo: starts the stack, lets it flow, stops it, and checks the counts."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec
import psutil
from rich.console import Console

from streamapp.embedded.demo import pages, stores, view
from streamapp.embedded.demo.check import CheckFailed, ProducerSummary, Summary, differences
from streamapp.embedded.demo.counts import Rate
from streamapp.embedded.demo.plan import Place, Plan, place
from streamapp.embedded.demo.screen import Screen
from streamapp.embedded.demo.snapshot import Snapshot
from streamapp.embedded.demo.stack import Stack, require_ports
from streamapp.embedded.demo.stop import Stop, alongside, interrupt_on, interrupt_without
from streamapp.embedded.demo.tail import Tail
from streamapp.embedded.demo.workspace import clear, workspace
from streamapp.embedded.processes import Processes

_REFRESH: Final = 0.5
_POLL: Final = 0.2
#: Seconds that the outcomes of what was sent may take after the producer's end.
_SETTLE: Final = 30.0


async def run(plan: Plan, *, json: bool) -> None:
    """Run the demo from the start of the first process to the end of the last.

    Args:
        plan: What is to run.
        json: Print the summary as JSON on stdout, and everything else on stderr.

    Raises:
        Interrupted: It was told to end before its traffic began, or to end at once.
        CheckFailed: The counts do not add up.
        StreamappError: A port is taken, or a process did not come up or ended by itself.
    """
    console = Console(stderr=json, highlight=False)
    # A broker that has gone is told once, by name: its process has ended.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    require_ports(plan)
    with workspace(plan.keep, console) as work:
        where = place(plan, work, os.environ)
        clear(where)
        summary, produced = await Demo(plan, where, console).run()
        console.print(view.report(summary, produced.failed))
        if json:
            sys.stdout.write(msgspec.json.encode(summary).decode() + "\n")
        if found := differences(summary, produced.sent):
            raise CheckFailed("\n".join(["The counts do not add up.", *found]))
        console.print(view.PASSED)


class Demo:
    """One run.

    Args:
        plan: What is to run.
        place: Its folders and settings.
        console: Where it shows itself.
    """

    def __init__(self, plan: Plan, place: Place, console: Console) -> None:
        self._plan = plan
        self._place = place
        self._screen = Screen(console, view.addresses(plan, place))
        self._began = psutil.Process().create_time()
        self._phase = "starting"
        self._tail = Tail(place.settings)
        self._rate = Rate()
        self._stop = Stop()

    async def run(self) -> tuple[Summary, ProducerSummary]:
        """Run it; returns its summary and what the producer counted."""
        self._stop.listen()
        async with Processes(self._place.logs) as processes:
            stack = Stack(self._plan, self._place, processes)
            with self._screen:
                async with alongside(self._show(stack), stack.guard(), *self._interrupts()):
                    async with alongside(interrupt_on(self._stop.asked)):
                        await stack.start()
                    async with alongside(self._tail.follow()):
                        produced = await self._flow(stack)
                        summary = await self._settle(produced)
                    await pages.keep(stack.metrics(), self._place.pages)
                    self._phase = "stopping"
                    await stack.stop()
                self._phase = "done"
                self._screen.show(self._snapshot(stack))
        return summary, produced

    def _interrupts(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield interrupt_on(self._stop.forced)
        if self._plan.watch_pid is not None:
            yield interrupt_without(self._plan.watch_pid)

    async def _flow(self, stack: Stack) -> ProducerSummary:
        """Let records flow for the time of the plan, or until told to stop."""
        self._phase = "running"
        stack.produce()
        async with alongside(stack.add_marketplace(lambda: self._tail.counts.models)):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._plan.duration or None):
                    await self._stop.asked.wait()
        self._phase = "finishing"
        return await stack.stop_producers()

    async def _settle(self, produced: ProducerSummary) -> Summary:
        """Wait until the counts add up, and give up at a deadline."""
        deadline = time.monotonic() + _SETTLE
        while True:
            summary = await self._summary(produced)
            if not differences(summary, produced.sent) or time.monotonic() > deadline:
                return summary
            await asyncio.sleep(_POLL)

    async def _summary(self, produced: ProducerSummary) -> Summary:
        # The stores are read first: they can then only be behind the topics' counts, never ahead of them.
        mirrored = await stores.mirrored(self._place.settings)
        csv_rows = await asyncio.to_thread(stores.csv_rows, self._place.settings.csv_path)
        counts = self._tail.counts
        return Summary(
            sent=counts.sent,
            rejected=produced.rejected,
            predictions=counts.predictions,
            dead_letters=counts.dead_letters.total(),
            mirrored=mirrored,
            csv_rows=csv_rows,
            rows_per_second=round(counts.rows_per_second, 1),
            p50_ms=counts.latencies.percentile(0.5),
            p99_ms=counts.latencies.percentile(0.99),
            first_prediction_s=round(counts.first_at - self._began, 1) if counts.first_at else None,
        )

    async def _show(self, stack: Stack) -> None:
        while True:
            self._screen.show(self._snapshot(stack))
            await asyncio.sleep(_REFRESH)

    def _snapshot(self, stack: Stack) -> Snapshot:
        counts = self._tail.counts
        produced = stack.produced()
        return Snapshot(
            phase=self._phase,
            elapsed=time.time() - self._began,
            note=stack.note(),
            running=stack.running(),
            sent=counts.sent,
            predictions=counts.predictions,
            dead_letters=dict(counts.dead_letters),
            rejected=produced.rejected if produced else None,
            lag=counts.lag,
            rows_per_second=self._rate.update(time.monotonic(), counts.rows),
            p50_ms=counts.latencies.percentile(0.5),
            p99_ms=counts.latencies.percentile(0.99),
            last=counts.last,
        )
