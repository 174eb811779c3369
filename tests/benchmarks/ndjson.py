"""How many records a second the edge takes as lines of few requests, beside a request for each."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import cycle, islice
from typing import Final, NamedTuple

import msgspec
import numpy as np
from aiokafka import TopicPartition

from benchmarks.bench import Bench, Broker, Figure, Section
from benchmarks.edge import Server, serving
from benchmarks.load import Answer, Load, Plan, load
from benchmarks.pinning import CAN_PIN, cpu_seconds, pinned
from benchmarks.targets import NDJSON, Measured
from producer.employees import feature_rows
from streamapp.clients import kafka
from streamapp.contracts.settings import load_settings

#: Processors: the edge has one for itself.
_EDGE, _OTHERS = 0, 1
_CONNECTIONS: Final = 64
_LINES: Final = 10_000
#: Bulk requests at once.
_BULK: Final = 2
#: Single requests a second, sent while bulk requests are under way.
_RATE: Final = 50.0
_PATH: Final = "/predict_stream?model=lightgbm"
_BROKERS: Final = {"broker", "kafka"}
_METHOD: Final = (
    f"Rows with the 13 columns of the employees go to `POST /predict_stream` of one edge: one a request over "
    f"{_CONNECTIONS} connections, and as {_LINES:,} lines a request (`application/x-ndjson`) over {_BULK}, in turns; "
    "each connection sends its next request when it has its answer. {pinning} Every record has to be accepted, and "
    f"every id has to be on the topic once. Then {_RATE:g} single requests a second go to the edge, by a schedule "
    "that no slow answer holds up, first alone and then beside the bulk requests."
)
_PINNED: Final = "The edge has one processor for itself; load and broker share the other."
_FREE: Final = "This system cannot pin processes: edge, load and broker share its processors."


class Round(NamedTuple):
    """What one way did in one round.

    Attributes:
        rate: Records a second.
        cpu: Microseconds of processor that the edge used a record.
        records: Records that were accepted.
    """

    rate: float
    cpu: float
    records: int


class _Answer(msgspec.Struct, frozen=True):
    """What the answers of both ways have; only that to a bulk request says how many lines were accepted."""

    accepted: int = 1
    refused: int = 0


async def measure(bench: Bench) -> Section:
    """Measure both ways in turns, on each broker."""
    figures: list[Figure] = []
    measured: list[Measured] = []
    for broker, address in bench.measured.items():
        bench.say(f"Lines beside single requests, {broker}")
        # No worker takes what is accepted.
        async with serving(bench, address, max_lag=1_000_000_000) as edge:
            single, bulk = await _turns(bench, broker, edge)
            figures += _figures(broker, single, bulk) + await _beside(bench, edge, broker)
        ratios = [many.rate / one.rate for many, one in zip(bulk, single, strict=True)]
        detail = f"{_median(bulk):,.0f} / {_median(single):,.0f} records/s, {broker}"
        measured.append(Measured(target=NDJSON, ratios=ratios, detail=detail))
    method = _METHOD.format(pinning=_PINNED if CAN_PIN else _FREE)
    # Of several brokers the last is the one with transactions, where requests are sent by an idempotent producer.
    return Section(title="Records a line", method=method, measured=measured[-1:], figures=figures)


def _plans(edge: Server, seconds: float) -> tuple[Plan, Plan]:
    rows = [msgspec.json.encode(row).decode() for row in islice(feature_rows(seed=7), 500)]
    single = Plan(
        port=edge.port,
        path=_PATH,
        bodies=[f'{{"data": [{row}]}}' for row in rows],
        connections=_CONNECTIONS,
        seconds=seconds,
        core=_OTHERS if CAN_PIN else None,
    )
    lines = "\n".join(islice(cycle(rows), _LINES))
    bulk = msgspec.structs.replace(single, bodies=[lines], connections=_BULK, media_type="application/x-ndjson")
    return single, bulk


@contextmanager
def _placed(bench: Bench, edge: Server) -> Iterator[None]:
    """Keep the edge's processor free of the others while the block runs."""
    others = [child.pid for child in bench.processes.children if child.program.name in _BROKERS]
    with pinned(others, _OTHERS), pinned([edge.child.pid], _EDGE):
        yield


async def _turns(bench: Bench, broker: Broker, edge: Server) -> tuple[list[Round], list[Round]]:
    """Have the ways take turns; returns the rounds of each, after one to warm up."""
    single: list[Round] = []
    bulk: list[Round] = []
    with _placed(bench, edge):
        for number in range(bench.rounds_on(broker) + 1):
            one, many = _plans(edge, 1.0 if bench.quick or number == 0 else 1.5)
            single.append(await _round(edge, one))
            bulk.append(await _round(edge, many))
    await _check(bench.brokers[broker], edge.topic, sum(done.records for done in single + bulk))
    return single[1:], bulk[1:]


async def _round(edge: Server, plan: Plan) -> Round:
    before = cpu_seconds(edge.child.pid)
    came = await load(plan)
    used = cpu_seconds(edge.child.pid) - before
    records = sum(map(_accepted, came.answers))
    return Round(records / came.seconds, 1e6 * used / records, records)


def _accepted(answer: Answer) -> int:
    """Return how many records an answer says are accepted.

    Raises:
        RuntimeError: Some were not.
    """
    said = msgspec.json.decode(answer.body, type=_Answer) if answer.status == HTTPStatus.ACCEPTED else None
    if said is None or said.refused:
        raise RuntimeError(f"Records were refused with {answer.status}: {answer.body[:500]}")
    return said.accepted


async def _check(broker: str, topic: str, accepted: int) -> None:
    """Check that the topic has as many records as were accepted, and no id twice.

    Raises:
        RuntimeError: It has not.
    """
    found: set[bytes] = set()
    count = 0
    settings = load_settings(broker=broker)
    async with kafka.consumer(settings, "bench") as consumer, asyncio.timeout(120):
        consumer.assign([TopicPartition(topic, number) for number in range(settings.partitions)])
        while fetched := await consumer.getmany(timeout_ms=1000):
            for records in fetched.values():
                count += len(records)
                found.update(record.headers[0][1] for record in records)  # `ce_id`
    if not count == len(found) == accepted:
        raise RuntimeError(f"{topic} has {count} records with {len(found)} ids; {accepted} were accepted.")


async def _beside(bench: Bench, edge: Server, broker: Broker) -> list[Figure]:
    """Return how long single requests take at a fixed rate, alone and beside bulk requests."""
    under = f"{_RATE:g} single requests/s, {broker}"
    alone: list[Load] = []
    beside: list[Load] = []
    with _placed(bench, edge):
        for _ in range(bench.rounds_on(broker)):
            seconds = 1.5 if bench.quick else 2.0
            one, many = _plans(edge, seconds)
            paced = msgspec.structs.replace(one, rate=_RATE)
            alone.append(await load(paced))
            beside += (await asyncio.gather(load(paced), load(msgspec.structs.replace(many, seconds=seconds + 0.5))))[
                :1
            ]
    return [*_milliseconds("alone", under, alone), *_milliseconds("beside bulk requests", under, beside)]


def _milliseconds(what: str, under: str, rounds: Sequence[Load]) -> list[Figure]:
    times = [[1000 * answer.seconds for answer in came.answers] for came in rounds]
    return [
        Figure(what=f"Single requests {what}", under=under, unit=unit, values=[float(pick(each)) for each in times])
        for unit, pick in (("ms p50", np.median), ("ms p99", lambda each: np.percentile(each, 99)))
    ]


def _figures(broker: str, single: Sequence[Round], bulk: Sequence[Round]) -> list[Figure]:
    ways = (f"A record a request, {_CONNECTIONS} connections", single), (f"{_LINES:,} lines a request", bulk)
    return [
        Figure(
            what=what,
            under=f"one row, 13 columns, {broker}",
            unit=unit,
            values=[getattr(done, name) for done in rounds],
        )
        for what, rounds in ways
        for unit, name in (("records/s", "rate"), ("CPU µs/record", "cpu"))
    ]


def _median(rounds: Sequence[Round]) -> float:
    return statistics.median(done.rate for done in rounds)
