"""What counting for Prometheus costs: worker and edge, each beside itself without."""

import sys
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import edge, servers
from benchmarks.bench import Bench, Section
from benchmarks.contenders import Contender, Job, ours
from benchmarks.laps import medians, ratios
from benchmarks.race import Course, Race
from benchmarks.registries import ONE
from benchmarks.targets import METERED_EDGE, METERED_WORKER, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Program

_METHOD: Final = """\
Worker and edge take turns with themselves without any counting (`benchmarks.unmetered` takes it away), on the same \
broker, as in the race from topic to topic and in that of the edge. Two of the same differ as well on a machine with \
other work: what one round says is worth little, the median of many is."""


async def measure(bench: Bench) -> Section:
    """Race the worker and the edge with themselves."""
    work = Workload(records=40_000)
    course = Course("kafka", work, ONE, bench.registry)
    with_it = ours("at_least_once")
    without = _unmetered(with_it)
    laps = await Race(bench, course).run([with_it, without])
    measured = [
        Measured(target=METERED_WORKER, ratios=ratios(laps, with_it, without), detail=medians(laps, with_it, without))
    ]
    found = list(figures(course, laps))
    address = bench.brokers["kafka"]
    async with edge.serving(bench, address) as ours_, edge.serving(bench, address, program=_edge) as bare:
        rounds, other = await edge.turns(bench, "kafka", ours_, bare)
    measured.append(
        Measured(
            target=METERED_EDGE,
            ratios=[one.rate / two.rate for one, two in zip(rounds, other, strict=True)],
            detail=f"{edge.median(rounds):,.0f} / {edge.median(other):,.0f} records/s",
        )
    )
    found += edge.figures("the edge", "kafka", rounds) + edge.figures("the edge, counting nothing", "kafka", other)
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
