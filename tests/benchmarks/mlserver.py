"""MLServer's Kafka mode, which speaks a protocol of its own and has no consumer group.

It reads what arrives after it has started, so there is no backlog to clear: all records are put on its topic at once
when it answers. Its requests are of the V2 inference protocol, with the row as one tensor; its LightGBM runtime
answers the probabilities alone. An answer is known by its id, and in no order.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.bench import Bench
from benchmarks.checking import Expected, Wrong, span
from benchmarks.contenders import Contender, Job
from benchmarks.traffic import PARTITIONS
from streamapp.clients import kafka
from streamapp.contracts.settings import load_settings
from streamapp.embedded.processes import Program, free_port

_MODEL: Final = "lightgbm"
#: Seconds until its first answer, and between answers after that.
_START: Final = 90.0
_PATIENCE: Final = 30.0


async def _program(bench: Bench, job: Job) -> Program:
    folder = bench.folder / job.group
    folder.mkdir()
    python = await bench.peers("mlserver")
    settings = {
        "kafka_enabled": True,
        "kafka_servers": job.broker,
        "kafka_topic_input": job.input,
        "kafka_topic_output": job.output,
        # No process beside the server's own: it has one core.
        "parallel_workers": 0,
        "debug": False,
        **{f"{name}_port": free_port() for name in ("http", "grpc", "metrics")},
    }
    model = {
        "name": _MODEL,
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": str(job.files / "model.txt"), "version": "1"},
        # Adaptive batching, as its documentation advises for throughput.
        "max_batch_size": 500,
        "max_batch_time": 0.02,
    }
    (folder / "settings.json").write_bytes(msgspec.json.encode(settings))
    (folder / "model-settings.json").write_bytes(msgspec.json.encode(model))
    return Program("mlserver", (str(python.with_name("mlserver")), "start", str(folder)), cwd=folder)


MLSERVER: Final = Contender("MLServer, Kafka mode", _program)


async def rate(job: Job, records: int, wanted: Expected) -> float:
    """Return the records a second that a running MLServer answers.

    Raises:
        Wrong: An answer is missing, there twice, or not what the model says.
        TimeoutError: It does not answer at all.
    """
    settings = load_settings(broker=job.broker)
    async with kafka.producer(settings, "bench") as producer, kafka.consumer(settings, "bench") as consumer:
        consumer.assign([TopicPartition(job.output, i) for i in range(PARTITIONS)])
        async with aclosing(_answers(consumer)) as answers:
            await _answering(producer, answers, job.input, wanted)
            await asyncio.gather(*[await _send(producer, job.input, str(i), wanted, i) for i in range(records)])
            return span(await _collected(answers, records, wanted)).rate


async def _answering(producer: AIOKafkaProducer, answers: Any, topic: str, wanted: Expected) -> None:
    """Send one record again and again, until there is an answer."""
    first = asyncio.ensure_future(anext(answers))
    async with asyncio.timeout(_START):
        while not first.done():
            await _send(producer, topic, "probe", wanted, 0)
            await asyncio.wait([first], timeout=0.5)
    await first


async def _send(
    producer: AIOKafkaProducer, topic: str, name: str, wanted: Expected, number: int
) -> "asyncio.Future[Any]":
    ((*values,),) = [row.values() for row in msgspec.json.decode(wanted.requests[number % len(wanted.requests)].data)]
    tensor = {"name": "row", "shape": [1, len(values)], "datatype": "FP64", "data": values}
    sent: asyncio.Future[Any] = await producer.send(
        topic,
        msgspec.json.encode({"id": name, "inputs": [tensor]}),
        partition=number % PARTITIONS,
        headers=[("mlserver-model", _MODEL.encode())],
    )
    return sent


async def _answers(consumer: AIOKafkaConsumer) -> AsyncGenerator[tuple[int, dict[str, Any]], None]:
    """Yield time and content of each answer, until none comes any more."""
    latest = time.monotonic() + _START
    while time.monotonic() < latest:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                yield record.timestamp, msgspec.json.decode(record.value)
            latest = time.monotonic() + _PATIENCE


async def _collected(answers: AsyncIterator[tuple[int, dict[str, Any]]], records: int, wanted: Expected) -> list[int]:
    """Return the times of the answers to all records."""
    missing, times = set(range(records)), []
    async for at, answer in answers:
        if answer["id"] == "probe":
            continue
        number = int(answer["id"])
        if number not in missing:
            raise Wrong(f"Record {number} was answered twice")
        missing.discard(number)
        (probabilities,) = wanted.answers[number % len(wanted.answers)][1]
        if not np.allclose(answer["outputs"][0]["data"], probabilities, rtol=1e-9):
            raise Wrong(f"The model says {probabilities} of record {number}, the answer {answer}")
        times.append(at)
        if not missing:
            return times
    raise Wrong(f"{len(missing):,} of {records:,} records were not answered")
