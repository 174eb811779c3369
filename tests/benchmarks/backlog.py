"""Whether a long backlog costs more a record than a short one."""

import asyncio
import statistics
from typing import Final

from benchmarks import checking
from benchmarks.bench import Bench, Section
from benchmarks.contenders import ours
from benchmarks.race import Course, Lap, Race
from benchmarks.registries import LIGHTGBM, exported
from benchmarks.targets import BACKLOG, Measured
from benchmarks.throughput import figures
from benchmarks.traffic import Workload

_METHOD: Final = """\
One worker, at_least_once, clears backlogs on Apache Kafka one after the other: short ones, a long one, short ones \
again. It is halted while the records are put on its topic. The time a record is that from its release to the last \
prediction, with what it fetches before its first one, through the number of records; the rates of the table are \
measured as from topic to topic. Each short backlog is compared with the long one."""
_SHORT: Final = 10_000
_LONG: Final = 1_000_000
_QUICK_LONG: Final = 100_000
#: Short backlogs before and after the long one.
_BEFORE, _AFTER = 3, 2
#: Seconds that the group waits for a worker that is halted while the long backlog is made.
_PATIENT: Final = 120.0


async def measure(bench: Bench) -> Section:
    """Compare the time a record of a long backlog with that of a short one."""
    worker, size = ours("at_least_once", _PATIENT), _QUICK_LONG if bench.quick else _LONG
    short, long = (Course("kafka", Workload(records=each), LIGHTGBM, bench.registry) for each in (_SHORT, size))
    files = await exported(bench, short.registry, short.model)
    wanted = await asyncio.to_thread(checking.expected, files, short.work)
    race = Race(bench, short)
    async with race.entrant(worker, files) as entrant:
        await race.lap(entrant, wanted)  # it starts in this one
        fast = [await race.lap(entrant, wanted) for _ in range(_BEFORE)]
        slow = await race.lap(entrant, wanted, size)
        fast += [await race.lap(entrant, wanted) for _ in range(_AFTER)]
    time = _each(slow, size)
    times = [_each(lap, _SHORT) for lap in fast]
    detail = f"{time:.1f} / {statistics.median(times):.1f} µs a record"
    return Section(
        title="A long backlog",
        method=_METHOD,
        measured=[Measured(target=BACKLOG, ratios=[time / each for each in times], detail=detail)],
        figures=[*figures(short, {worker.name: fast}), *figures(long, {worker.name: [slow]})],
    )


def _each(lap: Lap, records: int) -> float:
    """Return the microseconds that a record took."""
    return 1_000_000 * lap.took / records
