"""Records a second from topic to topic, beside what one would use or write otherwise."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import msgspec

from benchmarks import checking, mlserver
from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import (
    AT_LEAST_ONCE,
    EXACTLY_ONCE,
    EXPERT,
    EXPERT_COLLECTED,
    FASTSTREAM,
    FAUST,
    QUIX,
    Contender,
)
from benchmarks.laps import Lap, medians, ratios
from benchmarks.race import Course, Race
from benchmarks.registries import ONE, python, wide, wide_name
from benchmarks.targets import EXACTLY_ONCE as EXACTLY_ONCE_TARGET
from benchmarks.targets import EXPERT as EXPERT_TARGET
from benchmarks.targets import FRAMEWORK, Measured
from benchmarks.traffic import ALIAS, Workload

_METHOD: Final = """\
The contenders take turns. Each has a topic of its own, and is halted while the records of a lap are put on it: it \
finds them as a backlog. The rate is the slope of the line through the number of predictions over time, by the \
timestamps of the output topic (on Apache Kafka the broker's, on the embedded one the writer's): start-up is not in \
it. The broker, MLflow, the benchmark and the contenders whose turn it is not run on core 0, the contender alone on \
core 1, unless the table says otherwise. After each lap every prediction is compared with the model's, and each \
request has to be answered once. \
All peers call the model in the same way, the fastest that we know: one typed decode of a batch with msgspec, one \
`Booster.predict` on a NumPy matrix in one thread. The expert keeps Python's collector off the records, as the \
worker does; the frameworks run as their documentation has it, which leaves it as it is. FastStream has no headers \
for a single record of a batch, so the place of the request stands in the value; Quix Streams takes one record at a \
time. Stock Faust and Quix Streams get fewer records, and one round. MLServer reads only what arrives after it has \
started, and its own protocol: it gets 4,000 requests at once, one row as a tensor each, and answers the \
probabilities alone."""
_MLSERVER_RECORDS: Final = 4_000
_WIDTHS: Final = (50, 200)
_TARGETS: Final = (
    (EXPERT_TARGET, AT_LEAST_ONCE, EXPERT),
    (EXACTLY_ONCE_TARGET, EXACTLY_ONCE, EXPERT),
    (FRAMEWORK, AT_LEAST_ONCE, FASTSTREAM),
)


async def measure(bench: Bench) -> Section:
    """Race the worker with both guarantees against the peers, then on other workloads against the expert."""
    work = Workload(records=40_000 if bench.quick else 60_000)
    course = Course("kafka", work, ONE, bench.registry)
    twice = [EXPERT] if bench.quick else [EXPERT, EXPERT_COLLECTED]
    laps = await Race(bench, course).run([AT_LEAST_ONCE, *twice, EXACTLY_ONCE, FASTSTREAM])
    found = [*figures(course, laps), *await _ceiling(bench, course)]
    if not bench.quick:
        found += await _raced(bench, course, [FAUST, QUIX], 1)
        found.append(await _mlserver(bench, course))
        async for more in _others(bench, work):
            found.extend(more)
    return Section(
        title="From topic to topic",
        method=_METHOD,
        measured=[
            Measured(target=target, ratios=ratios(laps, one, other), detail=medians(laps, one, other))
            for target, one, other in _TARGETS
        ],
        figures=found,
    )


async def _others(bench: Bench, work: Workload) -> AsyncIterator[list[Figure]]:
    """Measure the other workloads: both cores, the embedded broker, more rows, more columns."""
    registry = await wide(bench, *_WIDTHS)
    rows = msgspec.structs.replace(work, rows=100, records=4_000)
    plain = Course("kafka", work, ONE, bench.registry)
    both = [AT_LEAST_ONCE, EXPERT]
    yield await _raced(bench, plain._replace(cores=(0, 1)), both, 1)
    yield await _raced(bench, plain._replace(broker="embedded"), both, 1)
    yield await _raced(bench, plain._replace(work=rows), both, 1)
    for columns in _WIDTHS:
        fewer = msgspec.structs.replace(work, columns=columns, records=30_000)
        yield await _raced(bench, Course("kafka", fewer, {ALIAS: wide_name(columns)}, registry), both, 1)


async def _mlserver(bench: Bench, course: Course) -> Figure:
    race = Race(bench, course)
    wanted = await asyncio.to_thread(checking.expected, await race.files(), course.work)
    async with race.running(mlserver.MLSERVER) as job:
        value = await mlserver.rate(job, _MLSERVER_RECORDS, wanted)
    bench.say(f"{mlserver.MLSERVER.name}: {value:,.0f} records/s")
    return Figure(what=mlserver.MLSERVER.name, under=under(course), unit="records/s", values=[value])


async def _raced(bench: Bench, course: Course, contenders: Sequence[Contender], rounds: int) -> list[Figure]:
    return list(figures(course, await Race(bench, course).run(contenders, rounds)))


async def _ceiling(bench: Bench, course: Course) -> list[Figure]:
    files = await Race(bench, course).files()
    found = bench.folder / "ceiling.json"
    await python(bench.processes, "benchmarks.ceiling", str(files), str(bench.rounds), str(found))
    values = msgspec.json.decode(found.read_bytes(), type=list[float])
    return [Figure(what="in memory, no broker", under=under(course), unit="records/s", values=values)]


def under(course: Course) -> str:
    """Describe a course as the tables have it."""
    cores = ", both cores" if len(course.cores) > 1 else ""
    return f"{course.work}, {course.broker}{cores}"


def figures(course: Course, laps: dict[str, list[Lap]]) -> Iterator[Figure]:
    """Return what was measured of each contender."""
    for what, runs in laps.items():
        yield Figure(what=what, under=under(course), unit="records/s", values=[lap.rate for lap in runs])
        yield Figure(what=what, under=under(course), unit="CPU s/million", values=[lap.cpu for lap in runs])
        yield Figure(what=what, under=under(course), unit="MiB", values=[lap.memory for lap in runs])
