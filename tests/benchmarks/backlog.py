"""Whether a long backlog costs more a record than a short one."""

import asyncio
import statistics
from collections.abc import Iterator
from typing import Final

from benchmarks import checking
from benchmarks.bench import Bench, Figure, Section
from benchmarks.contenders import ours
from benchmarks.laps import Lap
from benchmarks.race import Course, Race
from benchmarks.registries import ONE
from benchmarks.targets import BACKLOG, Measured
from benchmarks.throughput import figures, under
from benchmarks.traffic import Workload

_METHOD: Final = """\
One worker, at_least_once, clears backlogs on Apache Kafka one after the other: short ones, a long one, short ones \
again, then one in between. It is halted while the records are put on its topic. The time a record is that from its \
release to the last prediction, with what it fetches before its first one, through the number of records; the rates \
of the table are measured as from topic to topic. Each short backlog is compared with the long one."""
_SHORT: Final = 10_000
_MIDDLE: Final = 100_000
_LONG: Final = 1_000_000
#: Short backlogs before and after the long one.
_BEFORE, _AFTER = 3, 2
#: Seconds that the group waits for a worker that is halted while the long backlog is made.
_PATIENT: Final = 120.0


async def measure(bench: Bench) -> Section:
    """Compare the time a record of a long backlog with that of a short one."""
    worker = ours("at_least_once", _PATIENT)
    course = Course("kafka", Workload(records=_SHORT), ONE, bench.registry)
    race = Race(bench, course)
    files = await race.files()
    wanted = await asyncio.to_thread(checking.expected, files, course.work)
    async with race.entrants([worker], files, wanted) as (entrant,):
        await race.lap(entrant, wanted)
        fast = [await race.lap(entrant, wanted) for _ in range(_BEFORE)]
        slow = await race.lap(entrant, wanted, _LONG)
        fast += [await race.lap(entrant, wanted) for _ in range(_AFTER)]
        between = await race.lap(entrant, wanted, _MIDDLE)
    time = _each(slow, _LONG)
    times = [_each(lap, _SHORT) for lap in fast]
    detail = f"{time:.1f} / {statistics.median(times):.1f} µs a record"
    laps = {_SHORT: fast, _MIDDLE: [between], _LONG: [slow]}
    return Section(
        title="A long backlog",
        method=_METHOD,
        measured=[Measured(target=BACKLOG, ratios=[time / each for each in times], detail=detail)],
        figures=[figure for records, runs in laps.items() for figure in _figures(course, worker.name, records, runs)],
    )


def _figures(course: Course, what: str, records: int, laps: list[Lap]) -> Iterator[Figure]:
    course = course._replace(work=Workload(records=records))
    yield from figures(course, {what: laps})
    times = [_each(lap, records) for lap in laps]
    yield Figure(what=what, under=under(course), unit="µs a record from its release", values=times)


def _each(lap: Lap, records: int) -> float:
    """Return the microseconds that a record took."""
    return 1_000_000 * lap.took / records
