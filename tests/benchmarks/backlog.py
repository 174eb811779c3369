"""Whether a long backlog costs more a record than a short one."""

from typing import Final

from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import AT_LEAST_ONCE
from benchmarks.race import Course, Lap, Race
from benchmarks.registries import LIGHTGBM
from benchmarks.targets import BACKLOG, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload

_METHOD: Final = """\
One worker, at_least_once, clears a backlog on Apache Kafka; the rates are measured as from topic to topic. The \
short and the long one take turns, in as many rounds as the time allows."""
_SHORT: Final = 10_000
_LONG: Final = 1_000_000
_QUICK_LONG: Final = 200_000
_ROUNDS: Final = 2


async def measure(bench: Bench) -> Section:
    """Compare the time a record of a long backlog with that of a short one."""
    sizes = (_SHORT, _QUICK_LONG if bench.quick else _LONG)
    courses = [Course("kafka", Workload(records=size), LIGHTGBM, bench.registry) for size in sizes]
    races = [Race(bench, course) for course in courses]
    laps: list[list[Lap]] = [[], []]
    for _ in range(1 if bench.quick else _ROUNDS):
        for race, done in zip(races, laps, strict=True):
            done.extend((await race.run([AT_LEAST_ONCE], rounds=1))[AT_LEAST_ONCE.name])
    short, long = laps
    ratios = [a.rate / b.rate for a, b in zip(short, long, strict=True)]
    found: list[Figure] = []
    for course, done in zip(courses, laps, strict=True):
        found.extend(figures(course, {AT_LEAST_ONCE.name: done}))
    detail = f"{1e6 / long[0].rate:.1f} / {1e6 / short[0].rate:.1f} µs a record"
    return Section(
        title="A long backlog",
        method=_METHOD,
        measured=[Measured(target=BACKLOG, ratios=ratios, detail=detail)],
        figures=found,
    )
