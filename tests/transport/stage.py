"""Workers as processes of their own, records on the real broker, and what came of them."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamapp.embedded.processes import Child, Processes, Program

PROBE = Path(__file__).with_name("probe.py")


class Line(NamedTuple):
    """A line of a worker's log: a batch begun or ended."""

    word: str
    topic: str
    partition: int
    first: int
    last: int
    count: int
    in_flight: int


class Worker:
    """A Faust worker process and the log of its batches."""

    def __init__(self, child: Child, log: Path) -> None:
        self.child = child
        self.log = log

    def lines(self, word: str = "end") -> list[Line]:
        text = self.log.read_text() if self.log.exists() else ""
        parts = [line.split() for line in text.splitlines() if line.startswith(word)]
        return [Line(part[0], part[1], *map(int, part[2:])) for part in parts]

    def offsets(self, word: str = "end") -> list[tuple[int, int]]:
        """Every record of the log's batches, as (partition, offset), in the order of the log."""
        return [(line.partition, offset) for line in self.lines(word) for offset in range(line.first, line.last + 1)]

    def text(self) -> str:
        """What Faust printed."""
        return self.child.log.read_text()

    def kill(self) -> None:
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.process.wait()


class Stage:
    """One test's topic and group on the embedded broker."""

    def __init__(self, broker: str, processes: Processes, folder: Path) -> None:
        self.broker, self.processes, self.folder = broker, processes, folder
        self.topic = f"probe-{uuid.uuid4().hex[:8]}"
        self.group = f"group-{self.topic}"
        self.partitions = 0
        self.workers: list[Worker] = []

    async def create(self, partitions: int) -> None:
        self.partitions = partitions
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        await admin.create_topics([NewTopic(self.topic, partitions, 1)])
        await admin.close()

    async def produce(self, count: int, start: int = 0) -> None:
        """Put `count` records on every partition, each its own number as value."""
        async with AIOKafkaProducer(bootstrap_servers=self.broker) as producer:
            sent = [
                await producer.send(self.topic, str(i).encode(), partition=partition)
                for i in range(start, start + count)
                for partition in range(self.partitions)
            ]
            await asyncio.gather(*sent)

    def worker(self, **environment: str) -> Worker:
        name = f"{self.topic}-{len(self.workers)}"
        log = self.folder / f"{name}.batches"
        env = {
            "PROBE_LOG": str(log),
            "PROBE_BROKER": self.broker,
            "PROBE_TOPIC": self.topic,
            "PROBE_GROUP": self.group,
            "PROBE_DATADIR": str(self.folder / f"{name}.data"),
            **environment,
        }
        argv = (sys.executable, str(PROBE), "worker", "--without-web", "-l", "info")
        worker = Worker(self.processes.start(Program(name, argv, env=env)), log)
        self.workers.append(worker)
        return worker

    async def committed(self) -> dict[int, int]:
        """Committed offset of each partition; 0 where there is none."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.broker, group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        tps = [TopicPartition(self.topic, partition) for partition in range(self.partitions)]
        consumer.assign(tps)
        committed = {tp.partition: await consumer.committed(tp) or 0 for tp in tps}
        await consumer.stop()
        return committed


def every(partitions: int, count: int) -> set[tuple[int, int]]:
    """All records of a topic as (partition, offset)."""
    return {(partition, offset) for partition in range(partitions) for offset in range(count)}


def in_order(offsets: Iterable[tuple[int, int]]) -> bool:
    """Whether each partition's offsets only ever rise."""
    last: dict[int, int] = {}
    for partition, offset in offsets:
        if offset <= last.get(partition, -1):
            return False
        last[partition] = offset
    return True
