"""What the tests of the sinks share: predictions on the topic, a feed that runs, a look at what each sink kept."""

import asyncio
import contextlib
import csv
import io
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from unique import environment

from streamapp.clients import kafka
from streamapp.clients.redis import connect
from streamapp.contracts import codec
from streamapp.contracts.messages import Prediction
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, Program, free_port
from streamapp.sinks import translate
from streamapp.sinks.audit import CsvAudit
from streamapp.sinks.feed import Feed
from streamapp.sinks.memory import MemorySink
from streamapp.sinks.mirror import PredictionsMirror
from streamapp.sinks.ports import Predicted, Sink
from streamapp.sinks.source import open_source
from streamapp.sinks.standing import Standing
from streamapp.sinks.worker import run

Header = tuple[str, bytes]


def prediction(record_id: str, **fields: Any) -> bytes:
    values = {
        "id": record_id,
        "model": "svm",
        "registered_name": "SVC",
        "version": "3",
        "run_id": "run",
        "predictions": [1],
        "timestamp": "2026-11-22T01:12:27.123Z",
        "data": msgspec.Raw(b'[{"Designation":1.5,"Sleep_Hours":7}]'),
    }
    return codec.encode(Prediction(**{**values, **fields}))


def origin(partition: int, offset: int, timestamp: int, topic: str | None = None) -> list[Header]:
    """Headers of a prediction whose request stood there; without a topic, on the shared one."""
    named = [] if topic is None else [(codec.INPUT_TOPIC, topic.encode())]
    return [
        *named,
        (codec.INPUT_PARTITION, b"%d" % partition),
        (codec.INPUT_OFFSET, b"%d" % offset),
        (codec.INPUT_TIMESTAMP, b"%d" % timestamp),
    ]


async def send(settings: Settings, topic: str, records: Iterable[tuple[int, bytes | None, Sequence[Header]]]) -> None:
    """Write records (partition, value, headers) and wait until the broker has them."""
    await kafka.ensure_topics(settings, topics(settings), "test")
    producer = kafka.producer(settings, "test", linger_ms=5, max_batch_size=200_000)
    await producer.start()
    try:
        sends = [await producer.send(topic, value, b"key", part, headers=headers) for part, value, headers in records]
        await asyncio.gather(*sends)
    finally:
        await producer.stop()


async def predict(
    settings: Settings, offsets: Iterable[int], *, partition: int = 0, clock: int = 1000, topic: str | None = None
) -> None:
    """Write the predictions of requests at these input offsets; ids are `PARTITION-OFFSET@CLOCK`."""
    records = [
        (partition, prediction(f"{partition}-{offset}@{clock}"), origin(partition, offset, clock + offset, topic))
        for offset in offsets
    ]
    await send(settings, settings.predictions_topic, records)


def ids(offsets: Iterable[int], *, partition: int = 0, clock: int = 1000) -> list[str]:
    """Ids of the predictions that `predict` writes."""
    return [f"{partition}-{offset}@{clock}" for offset in offsets]


@contextlib.asynccontextmanager
async def following(
    settings: Settings, sink: Sink[Predicted], standing: Standing | None = None
) -> AsyncIterator[None]:
    """Feed the predictions into a sink while the block runs."""
    stop = asyncio.Event()
    source = partial(open_source, settings, settings.predictions_topic)
    read = partial(translate.predictions, settings.input_topic)
    task = asyncio.create_task(Feed("test", source, read, sink, standing or Standing("test")).run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


class MemoryBackend:
    """The sink in memory; what outlives a restart is what it is handed anew."""

    def __init__(self, settings: Settings) -> None:
        self._sink: MemorySink[Predicted] = MemorySink()

    def sink(self) -> Sink[Predicted]:
        return self._sink

    async def ids(self) -> list[str]:
        return [entry.prediction.id for entry in self._sink.entries]


class RedisBackend:
    """The mirror in Redis."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def sink(self) -> Sink[Predicted]:
        return PredictionsMirror(self._settings)

    async def ids(self) -> list[str]:
        async with connect(self._settings) as redis:
            entries = await redis.xrange(self._settings.redis_predictions_stream)
        return [fields[b"id"].decode() for _, fields in entries]


class CsvBackend:
    """The CSV, with the files that were rotated away."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.csv_path
        self._settings = settings

    def sink(self) -> Sink[Predicted]:
        return CsvAudit(self._settings)

    async def ids(self) -> list[str]:
        rotated = sorted(self._path.parent.glob(f"{self._path.stem}-*.csv"))
        files = [path for path in (*rotated, self._path) if path.exists()]
        return [row["id"] for path in files for row in csv_rows(path)]


Backend = MemoryBackend | RedisBackend | CsvBackend
BACKENDS = {"memory": MemoryBackend, "redis": RedisBackend, "csv": CsvBackend}


def csv_rows(path: Path) -> list[dict[str, str]]:
    # Read in one go: a reader that finds no header yet cannot do with rows that come behind its back.
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def by_partition(record_ids: Iterable[str]) -> dict[int, list[str]]:
    """Split ids of `predict` by their partition; order within each is kept."""
    split: dict[int, list[str]] = defaultdict(list)
    for record_id in record_ids:
        split[int(record_id.split("-")[0])].append(record_id)
    return dict(split)


@contextlib.asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """Run the whole sinks worker while the block runs."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


def sinks_program(settings: Settings, name: str = "sinks") -> Program:
    """`python -m streamapp.sinks` with these settings."""
    return Program(name, (sys.executable, "-m", "streamapp.sinks"), env=environment(settings))


async def valkey(processes: Processes, folder: Path, port: int | None = None) -> tuple[Child, str]:
    """Start a Valkey of the test's own; returns it and its URL."""
    port = port or free_port()
    return await processes.run(services.valkey(port, folder)), f"redis://127.0.0.1:{port}/0"


def csv_ids(settings: Settings) -> list[str]:
    return [row["id"] for row in csv_rows(settings.csv_path)] if settings.csv_path.exists() else []
