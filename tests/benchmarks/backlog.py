"""Whether a long backlog costs more a record than a short one."""

import statistics
from typing import Final

from benchmarks.bench import Bench, Section
from benchmarks.contenders import AT_LEAST_ONCE
from benchmarks.race import Course, Lap, Race
from benchmarks.registries import LIGHTGBM
from benchmarks.targets import BACKLOG, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload

_METHOD: Final = """\
One worker, at_least_once, clears a backlog on Apache Kafka: a short one, a long one, and a short one again. The \
rates are measured as from topic to topic; each short one is compared with the long one."""
_SHORT: Final = 10_000
_LONG: Final = 1_000_000
_QUICK_LONG: Final = 100_000


async def measure(bench: Bench) -> Section:
    """Compare the time a record of a long backlog with that of a short one."""
    sizes = (_SHORT, _QUICK_LONG if bench.quick else _LONG)
    courses = [Course("kafka", Workload(records=size), LIGHTGBM, bench.registry) for size in sizes]
    short, long = (Race(bench, course) for course in courses)
    laps: tuple[list[Lap], list[Lap]] = ([], [])
    for race, found in ((short, laps[0]), (long, laps[1]), (short, laps[0])):
        found.extend((await race.run([AT_LEAST_ONCE], rounds=1))[AT_LEAST_ONCE.name])
    times = [[1_000_000 / lap.rate for lap in found] for found in laps]
    ((slow,), fast) = times[1], times[0]
    detail = f"{slow:.1f} / {statistics.median(fast):.1f} µs a record"
    return Section(
        title="A long backlog",
        method=_METHOD,
        measured=[Measured(target=BACKLOG, ratios=[slow / each for each in fast], detail=detail)],
        figures=[
            figure
            for course, found in zip(courses, laps, strict=True)
            for figure in figures(course, {AT_LEAST_ONCE.name: found})
        ],
    )
