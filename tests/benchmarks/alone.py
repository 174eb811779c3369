"""From topic to topic, of what the model alone can do."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import library
from benchmarks.bench import Bench, Figure, Section
from benchmarks.checking import Expected
from benchmarks.contenders import AT_LEAST_ONCE, Job
from benchmarks.laps import Lap
from benchmarks.library import Round
from benchmarks.race import Course, Race
from benchmarks.registries import MODELS
from benchmarks.targets import AUTOGLUON, KNN, SVC, Measured, Target
from benchmarks.throughput import figures
from benchmarks.traffic import DISTINCT, ITEMS, Request, Workload, columns_of, single

_METHOD: Final = """\
The rate from topic to topic is measured as against the peers, with at_least_once, and every prediction is compared \
with the library's. In turns with that, on the same core and while the worker is halted, the model runs without a \
broker, in a process with the same limits on threads: plain scikit-learn on a frame of as many rows as the worker \
had in a call on average in the lap before, by one call of `predict_proba` whose most probable class is the label; \
`predict` and `predict_proba` one after the other are in the table as well. For AutoGluon it is `predictor.predict` \
on 1,000 rows, with its models in memory: labels alone, while the worker answers probabilities too, and has its \
model in another process, on the same core as all of the worker. Our model's predict is the call that the worker \
makes, by the quicker way where one was found, and with what it takes to cross to that process and back. In memory \
means our own decoding, predicting and encoding, in one thread and without a broker."""
#: Models by alias, with the number of rows that the library is to have at a time; None: as many as the worker had.
_MODELS: Final = (("svm", SVC, None), ("knn", KNN, None), (ITEMS, AUTOGLUON, 1000))
_CALLS: Final = "streamapp_model_predict_seconds_count"


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
            if sample.labels.get("alias") in job.models
        }
        rows, calls = values["streamapp_model_rows_total"], values[_CALLS]
        self.size = min(DISTINCT, round((rows - self._rows) / (calls - self._calls)))
        self._rows, self._calls = rows, calls


async def measure(bench: Bench) -> Section:
    """Compare the worker with the models alone."""
    measured, found = [], []
    for alias, target, size in _MODELS:
        name = MODELS[alias]
        work = Workload(records=20_000 if bench.quick else 40_000, columns=columns_of(alias))
        course = Course("kafka", work, {alias: name}, bench.registry)
        laps, rounds, sizes = await _turns(bench, course, alias, size)
        measured.append(_measured(target, laps, rounds))
        found += figures(course, {f"{name}: {AT_LEAST_ONCE.name}": laps})
        found += _figures(name, f"batches of {_span(sizes)} rows", rounds)
    return Section(title="Against the model alone", method=_METHOD, measured=measured, figures=found)


async def _turns(
    bench: Bench, course: Course, alias: str, size: int | None
) -> tuple[list[Lap], list[Round], list[int]]:
    """Have worker and library take turns; returns what came of it, with the rows that the library had at a time."""
    race, laps, rounds, sizes = Against(bench, course), [], [], []
    async with library.running(bench, alias) as alone:
        requests = [Request(alias, data) for data in single(alias)]
        wanted = Expected(requests, await library.answers(bench, alias))
        async with race.entrants([AT_LEAST_ONCE], Path(), wanted) as (entrant,):
            for _ in range(bench.rounds):
                laps.append(await race.lap(entrant, wanted))
                sizes.append(size or race.size)
                with entrant.halted():
                    rounds.append(await alone(sizes[-1]))
                bench.say(
                    f"{course.models[alias]} alone, {sizes[-1]:,} rows at a time: {rounds[-1].alone:,.0f} rows/s; "
                    f"the worker had {race.size:,}"
                )
    return laps, rounds, sizes


def _measured(target: Target, laps: list[Lap], rounds: list[Round]) -> Measured:
    pairs = [(lap.rate, one.alone) for lap, one in zip(laps, rounds, strict=True)]
    ours, alone = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    return Measured(target=target, ratios=[a / b for a, b in pairs], detail=f"{ours:,.0f} / {alone:,.0f} rows/s")


def _span(sizes: list[int]) -> str:
    low, high = min(sizes), max(sizes)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _figures(name: str, under: str, rounds: list[Round]) -> Iterator[Figure]:
    shown = {
        "the library alone": [one.alone for one in rounds],
        "the library alone, predict and predict_proba": [one.twice for one in rounds],
        "our model's predict": [one.ours for one in rounds],
        "streamapp in memory, no broker": [one.memory for one in rounds],
    }
    for what, values in shown.items():
        yield Figure(what=f"{name}: {what}", under=under, unit="records/s", values=values)
