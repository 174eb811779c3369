"""Records a second where the records of all models are on one topic."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from benchmarks import checking, library
from benchmarks.bench import Bench, Section
from benchmarks.checking import Expected
from benchmarks.contenders import AT_LEAST_ONCE, EXACTLY_ONCE
from benchmarks.race import Course, Race
from benchmarks.registries import MODELS
from benchmarks.throughput import figures
from benchmarks.traffic import ALIAS, DISTINCT, PARTITIONS, Request, Workload, single

_METHOD: Final = """\
One-row requests for LightGBM, SVC, KNN (13 columns) and AutoGluon (19) are on one topic, in each partition one \
after the other, so that every batch has a quarter for each model. One worker serves all four, on core 1 together \
with the process that it has for AutoGluon. It is measured as in the race from topic to topic, and every prediction \
is compared with what the library of its model says."""

T = TypeVar("T")


async def measure(bench: Bench) -> Section:
    """Measure the worker with both guarantees."""
    work = Workload(records=40_000, of="four models in turns")
    course = Course("kafka", work, MODELS, bench.registry)
    race = Race(bench, course)
    wanted = await _expected(bench, await race.files())
    laps = await race.run([AT_LEAST_ONCE, EXACTLY_ONCE], 2, wanted)
    return Section(title="All models at once", method=_METHOD, figures=[*figures(course, laps)])


async def _expected(bench: Bench, files: Path) -> Expected:
    """Return what all models are asked, in turns, and what their libraries answer."""
    lightgbm = await asyncio.to_thread(checking.expected, files, Workload())
    answers = [lightgbm.answers if alias == ALIAS else await library.answers(bench, alias) for alias in MODELS]
    requests = [[Request(alias, data) for data in single(alias)] for alias in MODELS]
    return Expected(in_turns(requests), in_turns(answers))


def in_turns(each: Sequence[Sequence[T]]) -> list[T]:
    """Mix what there is of each model, so that one after the other has its turn within each partition."""
    share = DISTINCT // len(each)
    starts = range(0, share, PARTITIONS)
    return [one for start in starts for of_model in each for one in of_model[start : start + PARTITIONS]]
