"""What came out: that every request was answered once, and as the model answers it; and when."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from aiokafka import ConsumerRecord, TopicPartition

from benchmarks.peers.served import Prediction, Served
from benchmarks.traffic import ALIAS, PARTITIONS, Request, Workload, datas, in_partition, kind, record_id
from streamapp.clients import kafka
from streamapp.contracts.settings import load_settings

#: Seconds without a record after which what has not come does not come.
_PATIENCE: Final = 10.0


#: Offsets by partition.
Positions = Mapping[int, int]


class Wrong(Exception):
    """What came out is not what had to."""


class Expected(NamedTuple):
    """What is asked and what is to be answered, of each distinct request.

    Attributes:
        requests: The model that is asked, and the rows.
        answers: Labels and probabilities of its rows.
    """

    requests: Sequence[Request]
    answers: Sequence[tuple[list[Any], list[list[float]]]]


class Span(NamedTuple):
    """When the predictions came, by the timestamps of their records, in seconds.

    Attributes:
        first: The first record batch.
        last: The last one.
        rate: Predictions a second: the slope of the line through their number over time, by least squares. Many at
            once and few one by one count the same, which they would not between the first record batch and the last.
    """

    first: float
    last: float
    rate: float


def expected(model: Path, work: Workload) -> Expected:
    """Ask the model."""
    asked = datas(work.columns, work.rows)
    return Expected([Request(ALIAS, data) for data in asked], Served(model).predict(asked))


async def check(
    broker: str, topic: str, work: Workload, wanted: Expected, read: Positions = MappingProxyType({})
) -> tuple[list[int], Positions]:
    """Read the predictions as a reader of committed records does, and check each.

    Args:
        broker: Address of the broker.
        topic: Where the predictions are.
        work: The requests.
        wanted: What is to be answered.
        read: Where the predictions of those before end, by partition.

    Returns:
        The timestamps of the predictions in milliseconds, in any order, and where they end.

    Raises:
        Wrong: One is missing, there twice, or not what the model says.
    """
    decode = msgspec.json.Decoder(Prediction).decode
    missing = [bytearray(b"\1") * in_partition(work.records) for _ in range(PARTITIONS)]
    before = in_partition(work.before)
    times: list[int] = []
    async with kafka.consumer(load_settings(broker=broker), "bench", max_partition_fetch_bytes=8 * 2**20) as consumer:
        partitions = [TopicPartition(topic, i) for i in range(PARTITIONS)]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, read.get(partition.partition, 0))
        while len(times) < work.records:
            records = await _next(consumer)
            if not records:
                raise Wrong(f"{sum(map(sum, missing)):,} of {work.records:,} requests were not answered")
            for record in records:
                answer = decode(record.value)
                partition, offset = place(record, answer)
                if offset < before or not missing[partition][offset - before]:
                    raise Wrong(f"The request at {partition}-{offset} was answered twice")
                missing[partition][offset - before] = 0
                _compare(answer, partition, offset, wanted)
            times.extend(record.timestamp for record in records)
        ends = {partition.partition: await consumer.position(partition) for partition in partitions}
    return times, ends


def span(times: Sequence[int]) -> Span:
    """Return when the predictions came, from their timestamps in milliseconds, in any order.

    Raises:
        Wrong: All came at once.
    """
    seconds = np.sort(np.asarray(times, dtype=np.float64)) / 1000
    first, last = float(seconds[0]), float(seconds[-1])
    if first == last:
        raise Wrong(f"All {len(times):,} predictions came at once: they are too few to say how fast")
    around = seconds - seconds.mean()
    number = np.arange(len(times)) - (len(times) - 1) / 2
    return Span(first, last, float(around @ number / (around @ around)))


async def _next(consumer: Any) -> list[ConsumerRecord]:
    """Return the next records; none where none came for a while."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        if fetched := await consumer.getmany(timeout_ms=500):
            return [record for records in fetched.values() for record in records]
    return []


def place(record: ConsumerRecord, answer: Prediction) -> tuple[int, int]:
    """Return partition and offset of the request, as the prediction says them: in its headers, or in its value."""
    if answer.input_offset >= 0:
        return answer.input_partition, answer.input_offset
    headers = dict(record.headers)
    if headers["ce_id"].decode() != answer.id:
        raise Wrong(f"The id {answer.id!r} is not that of the headers")
    return int(headers["input_partition"]), int(headers["input_offset"])


def _compare(answer: Prediction, partition: int, offset: int, wanted: Expected) -> None:
    number = kind(partition, offset, len(wanted.requests))
    labels, probabilities = wanted.answers[number]
    asked = (record_id(partition, offset), *wanted.requests[number])
    if (answer.id, answer.model, bytes(answer.data)) != asked:
        raise Wrong(f"The prediction of {partition}-{offset} is that of another request: {answer}")
    if answer.predictions != labels or not _close(answer.probabilities, probabilities):
        raise Wrong(f"The model says {labels} {probabilities} of {partition}-{offset}, the prediction {answer}")


def _close(one: list[list[float]], other: list[list[float]]) -> bool:
    if one == other:
        return True
    pairs = zip(one, other, strict=True)
    return all(math.isclose(a, b, rel_tol=1e-9) for row, same in pairs for a, b in zip(row, same, strict=True))
