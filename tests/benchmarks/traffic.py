"""The requests that everything is measured with, and how they get onto a topic."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from random import Random
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from producer.employees import FEATURES, feature_rows
from producer.marketplace import FIELDS, item_rows
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import load_settings
from streamapp.contracts.topics import Topic

#: Alias of the model that the requests ask for.
ALIAS: Final = "lightgbm"
#: Alias of the model for marketplace items; all others of a registry are for employees.
ITEMS: Final = "marketplace"
#: Partitions of every topic.
PARTITIONS: Final = 4
#: Requests that differ; a topic has them in turns.
DISTINCT: Final = 2000
#: Records of one record batch on the input topic, about what a busy edge makes.
_IN_BATCH: Final = 200
#: Largest record batch.
MOST_BYTES: Final = 8 * 1024 * 1024


class Workload(msgspec.Struct, frozen=True):
    """What is asked for.

    Attributes:
        columns: Of a row.
        rows: Of a request.
        records: Requests.
        before: Requests that the topic has already.
        of: What the rows are, where they are not those of one model with so many columns.
    """

    columns: int = len(FEATURES)
    rows: int = 1
    records: int = 100_000
    before: int = 0
    of: str = ""

    def __str__(self) -> str:
        rows = "one row" if self.rows == 1 else f"{self.rows} rows"
        return f"{self.of or f'{self.columns} columns'}, {rows}, {self.records:,} records"


class Request(NamedTuple):
    """One of the distinct requests.

    Attributes:
        alias: The model that is asked.
        data: Its rows, as JSON text.
    """

    alias: str
    data: bytes


def feature_names(columns: int) -> tuple[str, ...]:
    """Return the names of the columns: those of the employees where there are as many."""
    return FEATURES if columns == len(FEATURES) else tuple(f"feature_{i:03d}" for i in range(columns))


@cache
def datas(columns: int, rows: int) -> Sequence[bytes]:
    """Return the rows of each distinct request, as JSON text; no row lacks a value."""
    count = DISTINCT if rows == 1 else DISTINCT // 10
    source = _employees() if columns == len(FEATURES) else numbers(columns)
    return [msgspec.json.encode(list(islice(source, rows))) for _ in range(count)]


def _employees() -> Iterator[dict[str, float]]:
    return (row for row in feature_rows(seed=7) if len(row) == len(FEATURES))


def columns_of(alias: str) -> int:
    """Return how many columns a row for a model has."""
    return len(FIELDS) if alias == ITEMS else len(FEATURES)


@cache
def single(alias: str) -> Sequence[bytes]:
    """Return the row of each distinct request for one of the models that every registry has, as JSON text."""
    if alias != ITEMS:
        return datas(len(FEATURES), 1)
    return [msgspec.json.encode([row]) for row in islice(item_rows(seed=5), DISTINCT)]


def numbers(columns: int) -> Iterator[dict[str, float]]:
    """Yield rows of so many columns without end; the same each time."""
    source, names = Random(7), feature_names(columns)  # noqa: S311  # repeatable, not secret
    while True:
        yield {name: round(source.gauss(0.0, 1.0), 2) for name in names}


def record_id(partition: int, offset: int) -> str:
    """Return the id of the request at a place."""
    return f"{partition:04d}{offset:08d}-0000-4000-8000-000000000000"


def kind(partition: int, offset: int, kinds: int) -> int:
    """Return which of the distinct requests is at a place."""
    return (offset * PARTITIONS + partition) % kinds


def in_partition(records: int) -> int:
    """Return how many of so many records are in each partition.

    Raises:
        ValueError: They cannot be spread evenly.
    """
    if records % PARTITIONS:
        raise ValueError(f"{records} records cannot be spread over {PARTITIONS} partitions")
    return records // PARTITIONS


async def make_topics(broker: str, *names: str) -> None:
    """Create topics whose records carry the time at which the broker appended them, where it can do that."""
    config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(2 * MOST_BYTES)}
    made = [Topic(name, PARTITIONS, 1, config) for name in names]
    await kafka.ensure_topics(load_settings(broker=broker), made, "bench")


async def fill(broker: str, topic: str, work: Workload, requests: Sequence[Request]) -> None:
    """Put the distinct requests on a topic in turns, as many on each partition."""
    values = [codec.encode_request(data, None, alias) for alias, data in requests]
    settings = load_settings(broker=broker)
    async with kafka.producer(settings, "bench", max_batch_size=MOST_BYTES, max_request_size=MOST_BYTES) as producer:
        await asyncio.gather(*(_fill(producer, topic, i, values, work) for i in range(PARTITIONS)))


async def _fill(
    producer: AIOKafkaProducer, topic: str, partition: int, values: Sequence[bytes], work: Workload
) -> None:
    first = in_partition(work.before)
    end = first + in_partition(work.records)
    size = max(1, _IN_BATCH // work.rows)
    sent = None
    for start in range(first, end, size):
        batch = producer.create_batch()
        for offset in range(start, min(start + size, end)):
            headers = codec.request_headers(record_id(partition, offset), "/bench")
            value = values[kind(partition, offset, len(values))]
            batch.append(key=None, value=value, timestamp=int(time.time() * 1000), headers=headers)
        batch.close()
        if sent is not None:
            await sent  # one under way a partition, so that their order is that of the offsets
        sent = await producer.send_batch(batch, topic, partition=partition)
    if sent is not None:
        await sent
