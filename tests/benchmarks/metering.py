"""What counting for Prometheus costs: worker and edge, each beside itself without."""

import sys
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import edge, servers
from benchmarks.bench import Bench, Section
from benchmarks.contenders import Contender, Job, ours
from benchmarks.laps import medians
from benchmarks.race import Course, Race
from benchmarks.registries import ONE
from benchmarks.targets import METERED_EDGE, METERED_WORKER, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Program

_METHOD: Final = """\
Worker and edge take turns with themselves without any counting (`benchmarks.unmetered` takes it away), on the same \
broker, as in the race from topic to topic and in that of the edge. Both have a processor for themselves and use all \
of it, so what counting takes of their throughput is what it takes of their processor time; that is compared, since \
it varies less than the rate does."""
#: So many that a lap lasts for seconds.
_RECORDS: Final = 120_000


async def measure(bench: Bench) -> Section:
    """Race the worker and the edge with themselves."""
    course = Course("kafka", Workload(records=_RECORDS), ONE, bench.registry)
    counting = ours("at_least_once")
    silent = _unmetered(counting)
    laps = await Race(bench, course).run([counting, silent])
    ratios = [one.cpu / two.cpu for one, two in zip(laps[counting.name], laps[silent.name], strict=True)]
    measured = [Measured(target=METERED_WORKER, ratios=ratios, detail=medians(laps, counting, silent))]
    async with (
        edge.serving(bench, bench.brokers["kafka"]) as one,
        edge.serving(bench, bench.brokers["kafka"], program=_edge) as two,
    ):
        rounds, others = await edge.turns(bench, "kafka", one, two)
    ratios = [this.cpu / that.cpu for this, that in zip(rounds, others, strict=True)]
    detail = f"{edge.median(rounds):,.0f} / {edge.median(others):,.0f} records/s"
    measured.append(Measured(target=METERED_EDGE, ratios=ratios, detail=detail))
    found = [*figures(course, laps), *edge.figures("the edge", "kafka", rounds)]
    found += edge.figures("the edge, counting nothing", "kafka", others)
    return Section(title="What counting costs", method=_METHOD, measured=measured, figures=found)


def _unmetered(contender: Contender) -> Contender:
    async def program(bench: Bench, job: Job) -> Program:
        return _without("worker", await contender.program(bench, job))

    return Contender(f"{contender.name}, counting nothing", program)


def _edge(settings: Settings) -> Program:
    return _without("edge", servers.edge(settings))


def _without(part: str, program: Program) -> Program:
    env = {**program.env, "PYTHONPATH": str(Path(__file__).parents[1])}
    argv = (sys.executable, "-m", "benchmarks.unmetered", part)
    return msgspec.structs.replace(program, name=f"unmetered-{part}", argv=argv, env=env)
