"""How long a prediction takes over HTTP: through edge, broker and worker, beside one made in the web process."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from unique import environment

from benchmarks import servers
from benchmarks.bench import Bench, Broker, Figure, Section
from benchmarks.load import Load, Plan, load
from benchmarks.targets import PREDICT, Measured
from producer.employees import feature_rows
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded.processes import Program, free_port

_RATE: Final = 200.0
_CONNECTIONS: Final = 64
_MODEL: Final = "lightgbm"
_REGISTERED: Final = "LightGBM_Classifier"
_BARE: Final = "bare FastAPI, model in a thread"
#: What is compared, the guarantee of the target last: it is what a broker with transactions gets by default.
_WAYS: Final[Sequence[tuple[Broker, str]]] = (
    ("embedded", "at_least_once"),
    ("kafka", "at_least_once"),
    ("kafka", "exactly_once"),
)
_METHOD: Final = (
    f"{_RATE:g} requests of one row a second, by a schedule that no slow answer holds up, over {_CONNECTIONS} "
    "connections; each one's time counts from when it was due to the whole answer. They go to `POST /predict` of an "
    "edge with one worker behind the broker, and to a FastAPI endpoint that calls the same LightGBM model with "
    "`run_in_threadpool`, in turns. Load, servers, worker and broker share the machine's processors. Every answer "
    "has to be 200 with the prediction that the other gave for the row."
)
_PERCENTILES: Final = (50.0, 99.0, 99.9)


class Round(NamedTuple):
    """What one way did in one round.

    Attributes:
        milliseconds: The percentiles of `_PERCENTILES`.
        predicted: Predictions by the place of their row.
    """

    milliseconds: Sequence[float]
    predicted: dict[int, Any]


async def measure(bench: Bench) -> Section:
    """Measure each way through a broker beside the bare endpoint, in turns."""
    figures: list[Figure] = []
    measured: list[Measured] = []
    port = free_port()
    program = servers.bare("predict", port, registry=bench.registry, model=f"{_REGISTERED}@champion")
    async with servers.running(bench, program):
        for broker, guarantee in _WAYS:
            if broker in bench.measured and not (bench.quick and (broker, guarantee) != _WAYS[-1]):
                bench.say(f"/predict beside a bare endpoint, {broker}, {guarantee}")
                async with _edge(bench, bench.brokers[broker], guarantee) as edge:
                    # Only the last way has a target.
                    rounds = bench.rounds if (broker, guarantee) == _WAYS[-1] else 1
                    ours, theirs = await _turns(rounds, 2.5 if bench.quick else 3.0, edge, port)
                way = f"{broker}, {guarantee}"
                figures += _figures(f"POST /predict, {way}", way, ours) + _figures(_BARE, way, theirs)
                measured.append(_measured(way, ours, theirs))
    return Section(title="Request and reply", method=_METHOD, measured=measured[-1:], figures=figures)


@asynccontextmanager
async def _edge(bench: Bench, broker: str, guarantee: str) -> AsyncIterator[int]:
    """Run an edge and one worker that serves one model; gives the edge's port."""
    settings = _settings(bench, broker, guarantee)
    worker = Program("worker", (sys.executable, "-m", "streamapp", "worker"), env=environment(settings))
    child = bench.processes.start(worker)
    try:
        async with servers.running(bench, servers.edge(settings)):
            yield settings.api_port
    finally:
        await bench.processes.stop(child)


def _settings(bench: Bench, broker: str, guarantee: str) -> Settings:
    name = f"bench-predict-{free_port()}"
    return load_settings(
        broker=broker,
        mlflow_tracking_uri=bench.registry,
        processing_guarantee=guarantee,
        api_port=free_port(),
        worker_web_port=free_port(),
        rebalance_timeout=5.0,
        models={_MODEL: _REGISTERED},
        default_model=_MODEL,
        model_topics={},
        group=name,
        **{f"{topic}_topic": f"{name}-{topic}" for topic in ("input", "predictions", "dead_letters", "replies")},
        **{f"{topic}_topic": f"{name}-{topic}" for topic in ("models", "switches", "status", "redriven")},
    )


async def _turns(count: int, seconds: float, *ports: int) -> list[list[Round]]:
    """Have the ways take turns; returns the rounds of each, after one to warm up, in which the worker may still join.

    Raises:
        RuntimeError: They do not agree on a prediction.
    """
    rounds: list[list[Round]] = [[] for _ in ports]
    for port in ports:
        await _load(port, seconds=2.0)
    for _ in range(count):
        for port, done in zip(ports, rounds, strict=True):
            done.append(_round(await _load(port, seconds=seconds)))
    if any(done.predicted != rounds[0][0].predicted for way in rounds for done in way):
        raise RuntimeError("The edge and the bare endpoint do not predict the same.")
    return rounds


async def _load(port: int, seconds: float) -> Load:
    plan = Plan(
        port=port,
        path=f"/predict?model={_MODEL}",
        bodies=[msgspec.json.encode(row).decode() for row in islice(feature_rows(seed=7), 200)],
        connections=_CONNECTIONS,
        seconds=seconds,
        rate=_RATE,
    )
    return await load(plan)


def _round(came: Load) -> Round:
    """Sum a round up.

    Raises:
        RuntimeError: A request was not answered with a prediction.
    """
    refused = [answer for answer in came.answers if answer.status != HTTPStatus.OK]
    if refused:
        raise RuntimeError(f"{len(refused)} requests were refused, e.g. with {refused[0].body[:500]}")
    predicted = {answer.request % 200: msgspec.json.decode(answer.body)["prediction"] for answer in came.answers}
    seconds = np.percentile([answer.seconds for answer in came.answers], _PERCENTILES)
    return Round((1000 * seconds).tolist(), predicted)


def _figures(what: str, under: str, rounds: Sequence[Round]) -> list[Figure]:
    return [
        Figure(
            what=what,
            under=f"{_RATE:g} requests/s, one row, 13 columns, beside {under}",
            unit=f"ms p{percentile:g}",
            values=[done.milliseconds[place] for done in rounds],
        )
        for place, percentile in enumerate(_PERCENTILES)
    ]


def _measured(way: str, ours: Sequence[Round], theirs: Sequence[Round]) -> Measured:
    p99 = _PERCENTILES.index(99.0)
    pairs = [(our.milliseconds[p99], their.milliseconds[p99]) for our, their in zip(ours, theirs, strict=True)]
    our, their = np.median(pairs, axis=0)
    return Measured(
        target=PREDICT, ratios=[our / their for our, their in pairs], detail=f"{our:.1f} / {their:.1f} ms, {way}"
    )
