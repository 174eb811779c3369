"""From topic to topic, of what the model alone can do."""

import asyncio
import os
import statistics
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.bench import Bench, Figure, Section
from benchmarks.checking import Expected
from benchmarks.contenders import AT_LEAST_ONCE, Job
from benchmarks.plain import ITEMS, Round
from benchmarks.race import ALONE, Course, Lap, Race
from benchmarks.targets import AUTOGLUON, KNN, SVC, Measured, Target
from benchmarks.throughput import under
from benchmarks.traffic import ALIAS, DISTINCT, Workload, datas

_METHOD: Final = """\
The rate from topic to topic is measured as against the peers, with at_least_once, and every prediction is compared \
with the library's. In turns with that, and on the same core, the model runs without a broker: plain scikit-learn on \
a frame of as many rows as the worker had in a call on average in the lap before, by one call of `predict_proba` \
whose most probable class is the label; `predict` and `predict_proba` one after the other are in the table as \
well. For AutoGluon it is `predictor.predict` on 1,000 rows, persisted, against our model's call with the same rows, \
which gives the probabilities too and crosses to the model's process and back. In memory means our own decoding, \
predicting and encoding, in one thread and without a broker."""
_MODELS: Final = ((SVC, "SVC"), (KNN, "Knn_Classifier"))
_CALLS: Final = "streamapp_model_predict_seconds_count"
#: Loading a model with its libraries takes seconds.
_PATIENCE: Final = 120.0
#: A line of answers to all distinct requests.
_LONGEST: Final = 2**24

Ask = Callable[[int], Awaitable[bytes]]


class Against(Race):
    """A race in which the batches of our worker are looked at.

    Attributes:
        size: Rows of a call of the model, on average over the last lap.
    """

    size: int = DISTINCT
    _rows: float = 0.0
    _calls: float = 0.0

    async def _look(self, job: Job) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            page = await client.get(f"http://127.0.0.1:{job.port}/metrics")
        values = {
            sample.name: sample.value
            for family in text_string_to_metric_families(page.text)
            for sample in family.samples
            if sample.labels.get("alias") == ALIAS
        }
        rows, calls = values["streamapp_model_rows_total"], values[_CALLS]
        self.size = min(DISTINCT, round((rows - self._rows) / (calls - self._calls)))
        self._rows, self._calls = rows, calls


async def measure(bench: Bench) -> Section:
    """Compare the worker with the models alone."""
    measured, figures = [], []
    for target, name in _MODELS:
        course = Course("kafka", Workload(records=20_000 if bench.quick else 40_000), name, bench.registry)
        laps, rounds, sizes = await _turns(bench, course)
        measured.append(_measured(target, [lap.rate for lap in laps], [one.alone for one in rounds]))
        figures += [_figure(f"{name}: streamapp, from topic to topic", under(course), [lap.rate for lap in laps])]
        figures += _figures(name, f"batches of {min(sizes):,} to {max(sizes):,} rows", rounds)
    rounds = await _rounds(bench, "AutoGluon_Marketplace")
    measured.append(_measured(AUTOGLUON, [one.ours for one in rounds], [one.alone for one in rounds]))
    figures += _figures("AutoGluon_Marketplace", "batches of 1,000 rows", rounds)
    return Section(title="Against the model alone", method=_METHOD, measured=measured, figures=figures)


async def _turns(bench: Bench, course: Course) -> tuple[list[Lap], list[Round], list[int]]:
    race, laps, rounds, sizes = Against(bench, course), [], [], []
    async with _plain(bench, course.model) as (answers, ask):
        wanted = Expected(
            datas(course.work.columns, 1), msgspec.json.decode(answers, type=list[tuple[list[Any], list[Any]]])
        )
        assert len(wanted.answers) == DISTINCT
        async with race.entrant(AT_LEAST_ONCE, Path()) as entrant:
            for _ in range(bench.rounds):
                laps.append(await race.lap(entrant, wanted))
                sizes.append(race.size)
                rounds.append(msgspec.json.decode(await ask(race.size), type=Round))
                bench.say(f"{course.model} alone, {race.size} rows at a time: {rounds[-1].alone:,.0f} rows/s")
    return laps, rounds, sizes


async def _rounds(bench: Bench, name: str) -> list[Round]:
    async with _plain(bench, name) as (_, ask):
        found = [msgspec.json.decode(await ask(ITEMS), type=Round) for _ in range(bench.rounds)]
    bench.say(f"{name} alone: {statistics.median(one.alone for one in found):,.0f} rows/s")
    return found


@asynccontextmanager
async def _plain(bench: Bench, name: str) -> AsyncIterator[tuple[bytes, Ask]]:
    """Run `plain` while the block runs; gives its first line, and what asks for the next one."""
    command = (sys.executable, "-m", "benchmarks.plain", bench.registry, name, str(ALONE[0]))
    pipe, tests = asyncio.subprocess.PIPE, str(Path(__file__).parents[1])
    with (bench.folder / f"plain-{name}.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=log, limit=_LONGEST, env={**os.environ, "PYTHONPATH": tests}
        )
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout

    async def line() -> bytes:
        async with asyncio.timeout(_PATIENCE):
            return await stdout.readline()

    async def ask(rows: int) -> bytes:
        stdin.write(b"%d\n" % rows)
        return await line()

    try:
        yield await line(), ask
    finally:
        stdin.close()
        await child.wait()


def _measured(target: Target, ours: list[float], alone: list[float]) -> Measured:
    detail = f"{statistics.median(ours):,.0f} / {statistics.median(alone):,.0f} rows/s"
    return Measured(target=target, ratios=[a / b for a, b in zip(ours, alone, strict=True)], detail=detail)


def _figures(name: str, how: str, rounds: list[Round]) -> Iterator[Figure]:
    shown = {
        "the library alone": [one.alone for one in rounds],
        "the library alone, predict and predict_proba": [one.twice for one in rounds],
        "our model's predict": [one.ours for one in rounds],
        "streamapp in memory, no broker": [one.memory for one in rounds],
    }
    for what, values in shown.items():
        if all(values):
            yield _figure(f"{name}: {what}", how, values)


def _figure(what: str, where: str, values: list[float]) -> Figure:
    return Figure(what=what, under=where, unit="records/s", values=values)
