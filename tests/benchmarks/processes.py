"""Records a second with one worker process and with two, each on a processor of its own."""

import asyncio
import os
from typing import Final, Literal

import msgspec
import psutil

from benchmarks.bench import Bench, Section
from benchmarks.contenders import Contender, Job, ours
from benchmarks.laps import medians, ratios
from benchmarks.pinning import pin_tree
from benchmarks.race import Course, Entrant, Race
from benchmarks.registries import ONE
from benchmarks.targets import PROCESSES, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload
from streamapp.contracts.settings import variable
from streamapp.embedded.processes import Child, Program

_METHOD: Final = """\
`streamapp worker --processes 1` and `--processes 2` in turns, each with a topic of four partitions of its own that \
has all records of a lap when the lap begins. There are as many cores as processes, for all together: one process \
shares core 0 with the broker and the benchmark (the others, who wait for their turn, are on core 1 then); two are \
pinned to a core each, and share both with them. The broker has the same work with a record in either case, so the \
ratio is what a second core brings that gets a process of its own. One process that has core 1 to itself, with the \
broker on core 0, is in the table as well: it has part of the second core already, and two are less ahead of it. The \
target is measured on Apache Kafka. The embedded broker gets slower as its topics grow, so it is there for one round \
on new topics. The rate is taken as in the race from topic to topic. After each lap every prediction is compared \
with the model's, and each request has to be answered once."""
_COUNT: Final = variable("worker_processes")
_LOOK: Final = 0.01
#: Seconds that a supervisor may take to start its processes.
_START: Final = 20.0
_OWN_CORE: Final = ", broker on the other core"


class PerCore(Race):
    """A race in which all together have as many processors as there are worker processes, and each of these one."""

    async def _place(self, entrant: Entrant) -> None:
        child = entrant.child
        if entrant.contender.name.endswith(_OWN_CORE):
            await super()._place(entrant)
            return
        count = int(child.program.env[_COUNT])
        self._others(child, range(count))
        # Those whose turn it is not look for records all the time: they take nothing of the one process.
        for other in self._bench.processes.children:
            if other is not child and _COUNT in other.program.env:
                pin_tree(other.pid, set(range(os.cpu_count() or count)) - set(range(count)) or range(count))
        for core, pid in enumerate(await _workers(child)):
            pin_tree(pid, {core})


async def measure(bench: Bench) -> Section:
    """Compare two processes with one; with the other guarantee and on the other broker in fewer rounds."""
    work = Workload(records=60_000)
    course = Course("kafka", work, ONE, bench.registry)
    one, two = of(1, "at_least_once"), of(2, "at_least_once")
    # Short laps, and many: a machine that others use changes its pace within seconds, and so meets both of a pair.
    laps = await PerCore(bench, course).run([one, two], bench.rounds if bench.quick else 2 * bench.rounds + 1)
    measured = Measured(target=PROCESSES, ratios=ratios(laps, two, one), detail=medians(laps, two, one))
    found = [*figures(course, laps)]
    if not bench.quick:
        others = [of(1, "exactly_once"), of(2, "exactly_once"), one._replace(name=f"{one.name}{_OWN_CORE}")]
        found += figures(course, await PerCore(bench, course).run(others, 1))
        embedded = course._replace(broker="embedded")
        found += figures(embedded, await PerCore(bench, embedded).run([one, two], 1))
    return Section(title="A process a core", method=_METHOD, measured=[measured], figures=found)


def of(count: int, guarantee: Literal["at_least_once", "exactly_once"]) -> Contender:
    """Return the worker in so many processes."""
    worker = ours(guarantee)

    async def program(bench: Bench, job: Job) -> Program:
        one = await worker.program(bench, job)
        return msgspec.structs.replace(one, env={**one.env, _COUNT: str(count)})

    return Contender(f"{count} process{'es' if count > 1 else ''}, {guarantee}", program)


async def _workers(child: Child) -> list[int]:
    """Wait until the worker processes are there; return their ids."""
    count = int(child.program.env[_COUNT])
    if count == 1:
        return [child.pid]
    async with asyncio.timeout(_START):
        while len(pids := _supervised(child.pid)) < count:
            await asyncio.sleep(_LOOK)
    return pids


def _supervised(supervisor: int) -> list[int]:
    """Return the worker processes that a supervisor has; each has its page at a socket."""
    return [child.pid for child in psutil.Process(supervisor).children() if "--web-transport" in child.cmdline()]
