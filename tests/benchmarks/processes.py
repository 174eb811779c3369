"""Records a second with one worker process and with two, each on a processor of its own."""

import asyncio
import os
from collections.abc import Iterator
from typing import Final, Literal

import msgspec
import psutil

from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import Contender, Job, ours
from benchmarks.pinning import pin, pin_tree
from benchmarks.race import Course, Lap, Race, medians, ratios
from benchmarks.registries import LIGHTGBM
from benchmarks.targets import PROCESSES, Measured
from benchmarks.traffic import Workload
from streamapp.contracts.settings import variable
from streamapp.embedded.processes import Child, Program

_METHOD: Final = """\
`streamapp worker --processes 1` and `--processes 2` in turns, each with a topic of four partitions of its own that \
has all records of a lap when the lap begins. There are as many cores as processes, for all together: one process \
shares core 0 with the broker and the benchmark (the others, who wait for their turn, are on core 1 then); two are \
pinned to a core each, and share both with them. So the \
ratio is what a second core brings that gets a process of its own. With a broker that may use both cores in either \
case, one process has the help of the second core already, and the ratio is smaller. The rate is taken as in the \
race from topic to topic. After each lap every prediction is compared with the model's, and each request has to be \
answered once."""
_COUNT: Final = variable("worker_processes")
_LOOK: Final = 0.01
#: Seconds that a supervisor may take to start its processes.
_START: Final = 20.0


class PerCore(Race):
    """A race in which all together have as many processors as there are worker processes, and each of these one."""

    async def _place(self, child: Child) -> None:
        count = int(child.program.env[_COUNT])
        self._others(child, range(count))
        # Those whose turn it is not look for records all the time: they take nothing of the one process.
        for other in self._bench.processes.children:
            if other is not child and _COUNT in other.program.env:
                pin_tree(other.pid, set(range(os.cpu_count() or count)) - set(range(count)) or range(count))
        # They are pinned while they load, too: threads that are started later stay there.
        for core, pid in enumerate(await _workers(child)):
            pin(pid, {core})


async def measure(bench: Bench) -> Section:
    """Compare two processes with one on the embedded broker; on Apache Kafka once."""
    work = Workload(records=40_000 if bench.quick else 80_000)
    one, two = of(1, "at_least_once"), of(2, "at_least_once")
    embedded = Course("embedded", work, LIGHTGBM, bench.registry)
    laps = await PerCore(bench, embedded).run([one, two])
    measured = Measured(target=PROCESSES, ratios=ratios(laps, two, one), detail=medians(laps, two, one))
    figures = list(_figures(embedded, laps))
    if not bench.quick:
        kafka = embedded._replace(broker="kafka")
        exactly_once = await PerCore(bench, kafka).run([of(1, "exactly_once"), of(2, "exactly_once")], rounds=1)
        figures += _figures(kafka, exactly_once)
    return Section(title="A process a core", method=_METHOD, measured=[measured], figures=figures)


def of(count: int, guarantee: Literal["at_least_once", "exactly_once"]) -> Contender:
    """Return the worker in so many processes."""
    worker = ours(guarantee)

    async def program(bench: Bench, job: Job) -> Program:
        one = await worker.program(bench, job)
        # A log of its own: a worker's log is appended to.
        return msgspec.structs.replace(one, name=f"{count}-{job.group}", env={**one.env, _COUNT: str(count)})

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


def _figures(course: Course, laps: dict[str, list[Lap]], how: str = "") -> Iterator[Figure]:
    under = f"{course.work}, {course.broker}{how}"
    for what, runs in laps.items():
        yield Figure(what=what, under=under, unit="records/s", values=[lap.rate for lap in runs])
        yield Figure(what=what, under=under, unit="CPU s/million", values=[lap.cpu for lap in runs])
        yield Figure(what=what, under=under, unit="MiB", values=[lap.memory for lap in runs])
