"""How long a record takes to its visible prediction, at fixed rates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import AT_LEAST_ONCE, EXACTLY_ONCE, EXPERT, Contender
from benchmarks.open_loop import Plan, Step
from benchmarks.race import Course, Race
from benchmarks.registries import ONE, python
from benchmarks.traffic import Workload

_METHOD: Final = """\
One-row requests of 13 columns are sent to Apache Kafka at fixed rates, each when it is due, whatever has become of \
those before it. A latency is from the broker's timestamp of the request, when it was accepted, to the prediction in \
the hands of a consumer of committed records; the first second of a rate does not count. The broker and the load \
run on core 0, the contender alone on core 1. A rate is held where all is answered within two seconds of the last \
record; beyond one that is not, none is tried."""
_RATES: Final = (100, 2_000, 8_000, 20_000)
_QUICK_RATES: Final = (2_000,)
_PERCENTILES: Final = ("ms p50", "ms p99", "ms p99.9")
#: Records below which one in a thousand says nothing.
_ENOUGH: Final = 2_000


async def measure(bench: Bench) -> Section:
    """Measure the worker with both guarantees, and the expert's loop."""
    race = Race(bench, Course("kafka", Workload(), ONE, bench.registry))
    rates = _QUICK_RATES if bench.quick else _RATES
    figures: list[Figure] = []
    for contender in (AT_LEAST_ONCE, EXPERT) if bench.quick else (AT_LEAST_ONCE, EXACTLY_ONCE, EXPERT):
        for step in await _steps(bench, race, contender, rates):
            bench.say(_line(contender, step))
            figures.extend(_figures(contender, step))
    return Section(title="Latency", method=_METHOD, figures=figures)


async def _steps(bench: Bench, race: Race, contender: Contender, rates: Sequence[int]) -> list[Step]:
    async with race.running(contender) as job:
        plan = Plan(job.broker, job.input, job.output, Workload().columns, rates, seconds=2.0 if bench.quick else 3.0)
        folder = bench.folder / job.group
        folder.mkdir(exist_ok=True)
        return await _run(bench, plan, folder)


async def _run(bench: Bench, plan: Plan, folder: Path) -> list[Step]:
    given, found = folder / "plan.json", folder / "steps.json"
    given.write_bytes(msgspec.json.encode(plan))
    await python(bench.processes, "benchmarks.open_loop", str(given), str(found))
    return msgspec.json.decode(found.read_bytes(), type=list[Step])


def _line(contender: Contender, step: Step) -> str:
    median, most, extreme = step.percentiles
    held = "" if step.held else ", not held"
    return (
        f"{contender.name}, {step.rate:,} records/s{held}: p50 {median:.1f}, p99 {most:.1f}, p99.9 {extreme:.1f} ms; "
        f"sent up to {step.late:.1f} ms late"
    )


def _figures(contender: Contender, step: Step) -> list[Figure]:
    under = f"{Workload().columns} columns, one row, kafka, {step.rate:,} records/s"
    if not step.held:
        return [Figure(what=contender.name, under=under, unit="not held", values=[step.percentiles[0]])]
    units = _PERCENTILES if step.count >= _ENOUGH else _PERCENTILES[:-1]
    return [
        Figure(what=contender.name, under=under, unit=unit, values=[value])
        for unit, value in zip(units, step.percentiles, strict=False)
    ]
