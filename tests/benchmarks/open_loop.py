"""`python -m benchmarks.open_loop PLAN STEPS`: records at fixed rates, and how long each takes to its prediction.

A record is sent when it is due, whatever has become of those before it (no coordinated omission); those that are due
within a millisecond go as one record batch. Its latency is from its acceptance, the broker's timestamp of the record,
to its prediction in the hands of a consumer of committed records. Runs in a process of its own.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.traffic import ALIAS, MOST_BYTES, PARTITIONS, datas
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import load_settings

#: Seconds of each rate that are not counted.
_SETTLING: Final = 1.0
#: Seconds that the last predictions may take, where a rate was held.
_PATIENCE: Final = 2.0
_TICK: Final = 0.001
#: Seconds that everything may take to get going.
_START: Final = 60.0
_PERCENTILES: Final = (50.0, 99.0, 99.9)


class Plan(msgspec.Struct, frozen=True):
    """What is sent.

    Attributes:
        broker: Bootstrap server.
        input: Topic for the requests.
        output: Topic with the predictions.
        columns: Of a row.
        rates: Records a second, one rate after the other, for as long as they are held.
        seconds: How long each counts.
    """

    broker: str
    input: str
    output: str
    columns: int
    rates: Sequence[int]
    seconds: float


class Step(msgspec.Struct, frozen=True):
    """What one rate came to.

    Attributes:
        rate: Records a second.
        count: Records that were counted.
        held: Whether all were answered by two seconds after the last was sent.
        percentiles: Latency in milliseconds: the median, 99 % and 99.9 %.
        late: By how much a record was sent behind its time, in milliseconds, 99 %.
    """

    rate: int
    count: int
    held: bool
    percentiles: tuple[float, ...]
    late: float


class Loop:
    """Sends and reads.

    Args:
        plan: What is sent.
        producer: Started.
        consumer: Started, and at the end of the predictions.
    """

    def __init__(self, plan: Plan, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._plan = plan
        self._producer = producer
        self._consumer = consumer
        self._values = [codec.encode_request(data, None, ALIAS) for data in datas(plan.columns, 1)]
        self._sent: list[tuple[int, int, asyncio.Future[Any]]] = []
        self._seen: dict[tuple[int, int], float] = {}
        self._number = 0

    async def warm_up(self) -> None:
        """Send a record to each partition and wait until all are answered: then the contender has joined.

        Raises:
            TimeoutError: It has not.
        """
        for partition in range(PARTITIONS):
            await self._send(partition, 1)
        async with asyncio.timeout(_START):
            while len(self._seen) < PARTITIONS:
                await asyncio.sleep(0.05)

    async def read(self) -> None:
        """Note when predictions come, for ever."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                now = time.time()
                for record in records:
                    headers = dict(record.headers)
                    self._seen[int(headers["input_partition"]), int(headers["input_offset"])] = now

    async def step(self, rate: int) -> Step:
        """Send at a rate, and wait for the predictions."""
        self._sent.clear()
        self._seen.clear()
        late = await self._send_all(rate)
        accepted = [
            (partition, metadata.offset + i, metadata.timestamp / 1000)
            for partition, count, future in self._sent
            for metadata in [await future]
            for i in range(count)
        ]
        held = await self._answered(len(accepted))
        begin = accepted[0][2] + _SETTLING
        took = [
            1000 * (self._seen.get((partition, offset), time.time()) - timestamp)
            for partition, offset, timestamp in accepted
            if timestamp >= begin
        ]
        return Step(
            rate=rate,
            count=len(took),
            held=held,
            percentiles=tuple(np.percentile(took, _PERCENTILES).tolist()),
            late=float(1000 * np.percentile(late, 99)),
        )

    async def _send_all(self, rate: int) -> list[float]:
        """Send for as long as the plan says; return by how much each handful was late, in seconds."""
        start, sent, late = time.perf_counter(), 0, []
        total = round(rate * (self._plan.seconds + _SETTLING))
        while sent < total:
            elapsed = time.perf_counter() - start
            due = min(int(elapsed * rate) + 1, total)
            if due > sent:
                late.append(elapsed - sent / rate)
                await self._send(len(late) % PARTITIONS, due - sent)
                sent = due
            await asyncio.sleep(max(_TICK, sent / rate - (time.perf_counter() - start)))
        return late

    async def _send(self, partition: int, count: int) -> None:
        batch = self._producer.create_batch()
        now = int(time.time() * 1000)
        for _ in range(count):
            self._number += 1
            value = self._values[self._number % len(self._values)]
            headers = codec.request_headers(f"open-loop-{self._number}", "/bench")
            batch.append(key=None, value=value, timestamp=now, headers=headers)
        batch.close()
        future = await self._producer.send_batch(batch, self._plan.input, partition=partition)
        self._sent.append((partition, count, future))

    async def _answered(self, count: int) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while len(self._seen) < count and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return len(self._seen) == count


async def run(plan: Plan) -> list[Step]:
    """Run the rates until one is not held; that one is the last."""
    settings = load_settings(broker=plan.broker)
    predictions = [TopicPartition(plan.output, i) for i in range(PARTITIONS)]
    size = {"max_batch_size": MOST_BYTES, "max_request_size": MOST_BYTES}
    async with kafka.producer(settings, "bench", **size) as producer, kafka.consumer(settings, "bench") as consumer:
        consumer.assign(predictions)
        loop = Loop(plan, producer, consumer)
        reading = asyncio.create_task(loop.read())
        await loop.warm_up()
        gc.collect()
        gc.freeze()
        steps: list[Step] = []
        for rate in plan.rates:
            if not steps or steps[-1].held:
                steps.append(await loop.step(rate))
        reading.cancel()
        await asyncio.wait([reading])
    return steps


if __name__ == "__main__":
    given = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(asyncio.run(run(given))))
