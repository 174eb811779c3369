"""Scoring workers as processes of their own, and what comes out of them."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

import unique
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts import codec
from streamapp.contracts.messages import Prediction
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Child, Processes, Program


class Stack:
    """One test's topics and workers."""

    def __init__(self, settings: Settings, processes: Processes) -> None:
        self.settings = settings
        self.workers: list[Child] = []
        self._processes = processes

    def worker(self, *argv: str, **environment: str) -> Child:
        """Start a worker: by default as Faust's users do."""
        s = self.settings
        env = {**unique.environment(s), **environment}
        argv = argv or ("faust", "-A", "streamapp.app", "worker", "-l", "info")
        name = f"{s.group}-worker-{len(self.workers)}"
        worker = self._processes.start(Program(name, (sys.executable, "-m", *argv), env=env))
        self.workers.append(worker)
        return worker

    async def ask(self, count: int, start: int = 0) -> list[str]:
        """Put one-row requests on the topic, spread over its partitions; returns their ids."""
        ids = [f"request-{i}" for i in range(start, start + count)]
        async with kafka.producer(self.settings, "test") as producer:
            sent = [
                await producer.send(
                    self.settings.input_topic,
                    request(i, 15 if i % 2 else 5),
                    partition=i % self.settings.partitions,
                    headers=[("ce_id", f"request-{i}".encode())],
                )
                for i in range(start, start + count)
            ]
            await asyncio.gather(*sent)
        return ids

    async def remake_input_topic(self) -> None:
        """Delete the input topic and create it again, as an operator may while workers run."""
        admin = AIOKafkaAdminClient(**kafka.connection(self.settings, "test"))
        await admin.start()
        try:
            await admin.delete_topics([self.settings.input_topic])
            async with asyncio.timeout(30):
                while self.settings.input_topic in await admin.list_topics():
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()
        await kafka.ensure_topics(self.settings, topics(self.settings), "test")

    async def put(self, *values: bytes | None, partition: int = 0) -> None:
        """Put raw values on the topic."""
        async with kafka.producer(self.settings, "test") as producer:
            for value in values:
                await producer.send_and_wait(self.settings.input_topic, value, key=b"key", partition=partition)

    async def read(self, topic: str, enough: Callable[[list[Any]], bool], patience: float = 60) -> list[Any]:
        """Read a topic from its start until there is enough, in the order of each partition."""
        found: list[Any] = []
        async with started(kafka.consumer(self.settings, "test")) as consumer, asyncio.timeout(patience):
            consumer.assign([TopicPartition(topic, i) for i in range(self.settings.partitions)])
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(records)
        return found

    async def predictions(self, count: int) -> list[Prediction]:
        """Read predictions until `count` different ids are there; repeats are among what is returned."""
        records = await self.read(
            self.settings.predictions_topic,
            lambda found: len({dict(record.headers)["ce_id"] for record in found}) >= count,
        )
        return [codec.decode_prediction(record.value) for record in records]

    async def committed(self) -> int:
        """Sum of the committed offsets of the input topic."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.broker, group_id=self.settings.group, enable_auto_commit=False
        )
        async with consumer:
            tps = [TopicPartition(self.settings.input_topic, i) for i in range(self.settings.partitions)]
            consumer.assign(tps)
            return sum([await consumer.committed(tp) or 0 for tp in tps])

    def kill(self, worker: Child) -> None:
        """SIGKILL a worker."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.process.wait()


def request(i: int, team: float) -> bytes:
    """Return a one-row request whose prediction is 1 where the team is larger than ten."""
    rows = json.dumps([{"Sleep_Hours": 5 + i % 4, "Team_Size": team}]).encode()
    return codec.encode_request(rows, None, "large")


def assigned(log: str, topic: str) -> set[int]:
    """The partitions of a topic that a worker was given last, as its log says."""
    _, found, line = log.rpartition("Setting newly assigned partitions")
    said = line.partition("for group")[0] if found else ""
    return {int(number) for number in re.findall(rf"topic='{topic}', partition=(\d+)", said)}
