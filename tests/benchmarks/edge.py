"""How many single records a second the edge takes, beside a bare endpoint that puts any bytes on a topic."""

import asyncio
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import TopicPartition

from benchmarks import servers
from benchmarks.bench import Bench, Broker, Figure, Section
from benchmarks.load import Answer, Plan, load
from benchmarks.pinning import CAN_PIN, cpu_seconds, pinned
from benchmarks.targets import EDGE, Measured
from producer.employees import FEATURES, feature_rows
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Child, Program, free_port

#: Processors: the server that is measured has one for itself.
_SERVER, _OTHERS = 0, 1
_CONNECTIONS: Final = 64
_MODEL: Final = "lightgbm"
_BARE: Final = "bare FastAPI + aiokafka"
_BROKERS: Final = {"broker", "kafka"}
_METHOD: Final = (
    f"One-row requests with the 13 columns of the employees go over {_CONNECTIONS} kept-alive connections, each "
    "sending its next one when it has its answer, to `POST /predict_stream`, and to a FastAPI endpoint that does "
    "`send_and_wait(topic, await request.body())` (acks=all), in turns; both run in uvicorn with uvloop and "
    "httptools. {pinning} Every answer has to be 202, and the positions that they name have to be those of the "
    "topic's records."
)
_PINNED: Final = "The server that is measured has one processor for itself; load and broker share the other."
_FREE: Final = "This system cannot pin processes: server, load and broker share its processors."


class Server(NamedTuple):
    """A server under test.

    Attributes:
        child: Its process.
        port: Port that it listens on.
        topic: Where its records go.
    """

    child: Child
    port: int
    topic: str


class Round(NamedTuple):
    """What one server did in one round.

    Attributes:
        rate: Records a second.
        cpu: Microseconds of processor that the server used a record.
        stood: Partition and offset of each record, as it answered.
    """

    rate: float
    cpu: float
    stood: list[tuple[int, int]]


class _Accepted(msgspec.Struct, frozen=True):
    """What the answers of both have."""

    partition: int
    offset: int


async def measure(bench: Bench) -> Section:
    """Measure the edge and the bare endpoint in turns, on each broker."""
    found: list[Figure] = []
    measured: list[Measured] = []
    for broker, address in bench.measured.items():
        bench.say(f"The edge beside a bare endpoint, {broker}")
        async with serving(bench, address) as edge, _bare(bench, address) as bare:
            ours, theirs = await turns(bench, broker, edge, bare)
        found += figures("streamapp's edge", broker, ours) + figures(_BARE, broker, theirs)
        ratios = [our.rate / their.rate for our, their in zip(ours, theirs, strict=True)]
        detail = f"{median(ours):,.0f} / {median(theirs):,.0f} records/s, {broker}"
        measured.append(Measured(target=EDGE, ratios=ratios, detail=detail))
    method = _METHOD.format(pinning=_PINNED if CAN_PIN else _FREE)
    # Of several brokers the last is the one with transactions, where requests are sent by an idempotent producer.
    return Section(title="The edge", method=method, measured=measured[-1:], figures=found)


@asynccontextmanager
async def serving(
    bench: Bench, broker: str, program: Callable[[Settings], Program] = servers.edge, **options: Any
) -> AsyncIterator[Server]:
    """Run an edge that knows one model, from its card: no worker is needed, and none takes processor."""
    name = f"bench-edge-{free_port()}"
    settings = load_settings(
        broker=broker,
        api_port=free_port(),
        group=name,
        input_topic=name,
        models_topic=f"{name}-models",
        replies_topic=f"{name}-replies",
        **options,
    )
    await kafka.ensure_topics(settings, topics(settings), "bench")
    card = ModelCard(_MODEL, "LightGBM", "1", "run", "lightgbm", tuple(Feature(name) for name in FEATURES))
    async with kafka.producer(settings, "bench") as producer:
        await producer.send_and_wait(settings.models_topic, codec.encode(card), _MODEL.encode())
    async with servers.running(bench, program(settings)) as child:
        yield Server(child, settings.api_port, settings.input_topic)


@asynccontextmanager
async def _bare(bench: Bench, broker: str) -> AsyncIterator[Server]:
    port = free_port()
    settings = load_settings(broker=broker, input_topic=f"bench-bare-{port}")
    await kafka.ensure_topics(settings, topics(settings)[:1], "bench")
    program = servers.bare("stream", port, broker=broker, topic=settings.input_topic)
    async with servers.running(bench, program) as child:
        yield Server(child, port, settings.input_topic)


async def turns(bench: Bench, broker: Broker, *under_test: Server) -> list[list[Round]]:
    """Have the servers take turns; returns the rounds of each, after one to warm up."""
    rounds: list[list[Round]] = [[] for _ in under_test]
    others = [child.pid for child in bench.processes.children if child.program.name in _BROKERS]
    with pinned(others, _OTHERS), pinned([server.child.pid for server in under_test], _SERVER):
        for number in range(bench.rounds_on(broker) + 1):
            seconds = 1.5 if bench.quick or number == 0 else 2.0
            for server, done in zip(under_test, rounds, strict=True):
                done.append(await _round(server, seconds))
    for server, done in zip(under_test, rounds, strict=True):
        await _check(bench.brokers[broker], server, done)
    return [done[1:] for done in rounds]


async def _round(server: Server, seconds: float) -> Round:
    plan = Plan(
        port=server.port,
        path=f"/predict_stream?model={_MODEL}",
        bodies=[codec.encode({"data": [row]}).decode() for row in islice(feature_rows(seed=7), 500)],
        connections=_CONNECTIONS,
        seconds=seconds,
        core=_OTHERS if CAN_PIN else None,
    )
    before = cpu_seconds(server.child.pid)
    came = await load(plan)
    used = cpu_seconds(server.child.pid) - before
    count = len(came.answers)
    return Round(count / came.seconds, 1e6 * used / count, [_stood(answer) for answer in came.answers])


def _stood(answer: Answer) -> tuple[int, int]:
    """Return where a record stands.

    Raises:
        RuntimeError: It was not accepted.
    """
    if answer.status != HTTPStatus.ACCEPTED:
        raise RuntimeError(f"A record was refused with {answer.status}: {answer.body[:500]}")
    accepted = msgspec.json.decode(answer.body, type=_Accepted)
    return accepted.partition, accepted.offset


async def _check(broker: str, server: Server, rounds: Sequence[Round]) -> None:
    """Check that the topic has the records that were accepted, and no others.

    Raises:
        RuntimeError: It has not.
    """
    accepted = Counter(position for done in rounds for position in done.stood)
    found: Counter[tuple[int, int]] = Counter()
    settings = load_settings(broker=broker)
    async with kafka.consumer(settings, "bench") as consumer, asyncio.timeout(60):
        consumer.assign([TopicPartition(server.topic, number) for number in range(settings.partitions)])
        while records := await consumer.getmany(timeout_ms=1000):
            found.update((record.partition, record.offset) for batch in records.values() for record in batch)
    if found != accepted:
        raise RuntimeError(f"{server.topic} has {found.total()} records; {accepted.total()} were accepted.")


def figures(what: str, broker: str, rounds: Sequence[Round]) -> list[Figure]:
    under = f"POST one row, 13 columns, {_CONNECTIONS} connections, {broker}"
    return [
        Figure(what=what, under=under, unit="records/s", values=[done.rate for done in rounds]),
        Figure(what=what, under=under, unit="CPU µs/record", values=[done.cpu for done in rounds]),
    ]


def median(rounds: Sequence[Round]) -> float:
    return statistics.median(done.rate for done in rounds)
