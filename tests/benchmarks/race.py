"""Contenders in turns on the same records, each lap in a process of its own."""

import asyncio
import itertools
import os
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from benchmarks import checking, traffic
from benchmarks.bench import Bench, Broker
from benchmarks.checking import Expected, Span
from benchmarks.contenders import Contender, Job
from benchmarks.pinning import pin, pinned
from benchmarks.registries import exported
from benchmarks.sampling import Sampler
from benchmarks.traffic import PARTITIONS, Workload
from streamapp.clients import kafka
from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.settings import load_settings
from streamapp.embedded.processes import Child, free_port

#: The broker, the registry and the benchmark itself run here; the contender alone on the other.
OTHERS: Final = 0
ALONE: Final = (1,)
#: Seconds that a lap may take.
_LIMIT: Final = 150.0
_LOOK: Final = 0.1
_numbers = itertools.count()


class Lap(msgspec.Struct, frozen=True):
    """What one lap came to.

    Attributes:
        rate: Records a second.
        cpu: Processor seconds a million records, in that time.
        memory: The most resident memory, in MiB.
    """

    rate: float
    cpu: float
    memory: float


class Course(NamedTuple):
    """What is raced on.

    Attributes:
        broker: Kind of the broker.
        work: The requests.
        model: Name of the model in the registry.
        registry: Where it is.
        cores: Processors that a contender has.
    """

    broker: Broker
    work: Workload
    model: str
    registry: str
    cores: Sequence[int] = ALONE


class Race:
    """Races on one course.

    Args:
        bench: What all sections share.
        course: What is raced on.
    """

    def __init__(self, bench: Bench, course: Course) -> None:
        self._bench = bench
        self._course = course
        self._broker = bench.brokers[course.broker]
        self._inputs: dict[int, str] = {}

    async def run(self, contenders: Sequence[Contender], rounds: int | None = None) -> dict[str, list[Lap]]:
        """Run the contenders in turns.

        Args:
            contenders: Who takes part.
            rounds: Turns; None: as many as the benchmark has.

        Returns:
            The laps of each contender, by its name.

        Raises:
            Wrong: What one wrote is not what had to come out.
            ProcessFailed: One ended.
            TimeoutError: One was not done in time.
        """
        bench, course = self._bench, self._course
        files = await exported(bench, course.registry, course.model)
        wanted = await asyncio.to_thread(checking.expected, files, course.work)
        laps: dict[str, list[Lap]] = {contender.name: [] for contender in contenders}
        with pinned(self._others(), OTHERS):
            for number in range(bench.rounds if rounds is None else rounds):
                for contender in contenders:
                    if number < contender.rounds:
                        laps[contender.name].append(await self._lap(contender, files, wanted))
        return laps

    @asynccontextmanager
    async def running(self, contender: Contender) -> AsyncIterator[Job]:
        """Run a contender on an empty topic while the block runs; all else is pinned, as in a race.

        Raises:
            ProcessFailed: The block raised it; the message has the end of the contender's log as well.
        """
        files = await exported(self._bench, self._course.registry, self._course.model)
        job = self._job(f"requests-{next(_numbers)}", files)
        with pinned(self._others(), OTHERS):
            await traffic.make_topics(job.broker, job.input, job.output)
            child = await self._start(contender, job)
            try:
                yield job
            except ProcessFailed as exc:
                raise ProcessFailed(f"{exc}\n{contender.name} said:\n{child.log_tail()}") from exc
            finally:
                await self._bench.processes.stop(child)

    async def _lap(self, contender: Contender, files: Path, wanted: Expected) -> Lap:
        """Have one contender clear the backlog once."""
        work = shared(self._course.work, contender.share)
        job = self._job(await self._input(work), files)
        await traffic.make_topics(job.broker, job.output)
        child = await self._start(contender, job)
        try:
            async with Sampler(child.pid) as sampler:
                await _cleared(job, work, child)
            await self._look(job)
        finally:
            await self._bench.processes.stop(child)
        lap = result(await checking.check(job.broker, job.output, work, wanted), sampler)
        self._bench.say(f"{contender.name}, {self._course.broker}: {lap.rate:,.0f} records/s")
        return lap

    async def _look(self, job: Job) -> None:
        """Look at a contender that has cleared the backlog and still runs; nothing is looked at here."""

    def _others(self) -> list[int]:
        return [os.getpid(), *(child.pid for child in self._bench.processes.children)]

    def _job(self, requests: str, files: Path) -> Job:
        name = f"lap-{next(_numbers)}"
        return Job(
            broker=self._broker,
            input=requests,
            output=f"predictions-{name}",
            group=name,
            registry=self._course.registry,
            model=self._course.model,
            files=files,
            port=free_port(),
        )

    async def _start(self, contender: Contender, job: Job) -> Child:
        child = self._bench.processes.start(await contender.program(self._bench, job))
        pin(child.pid, self._course.cores)
        return child

    async def _input(self, work: Workload) -> str:
        """Return the topic with so many records; all contenders have the same."""
        if work.records not in self._inputs:
            self._bench.say(f"{work}: onto a topic of {self._course.broker}")
            self._inputs[work.records] = f"requests-{next(_numbers)}"
            await traffic.fill(self._broker, self._inputs[work.records], work)
        return self._inputs[work.records]


def shared(work: Workload, share: float) -> Workload:
    """Return a workload with a share of the records."""
    return msgspec.structs.replace(work, records=round(work.records * share / PARTITIONS) * PARTITIONS)


def ratios(laps: dict[str, list[Lap]], one: Contender, other: Contender) -> list[float]:
    """Return how the rates of two contenders compare, round by round."""
    return [a.rate / b.rate for a, b in zip(laps[one.name], laps[other.name], strict=False)]


def medians(laps: dict[str, list[Lap]], one: Contender, other: Contender) -> str:
    """Return the medians of two contenders' rates, as a target's detail has them."""
    a, b = (statistics.median(each.rate for each in laps[contender.name]) for contender in (one, other))
    return f"{a:,.0f} / {b:,.0f} records/s"


def result(span: Span, sampler: Sampler) -> Lap:
    """Return what a lap came to."""
    busy = sampler.cpu_between(span.first, span.last) / (span.last - span.first)
    return Lap(span.rate, busy / span.rate * 1_000_000, sampler.most_mib)


async def _cleared(job: Job, work: Workload, child: Child) -> None:
    """Wait until the contender's group has committed all.

    Raises:
        ProcessFailed: It has ended.
        TimeoutError: It takes too long; the message has the end of its log.
    """
    client = AIOKafkaClient(**kafka.connection(load_settings(broker=job.broker), "bench"))
    await client.bootstrap()
    try:
        async with asyncio.timeout(_LIMIT):
            while await committed(client, job) < work.records:
                if child.process.poll() is not None:
                    raise ProcessFailed(f"{child.program.name} has ended:\n{child.log_tail()}")
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise TimeoutError(f"{child.program.name} was not done in {_LIMIT:g} s:\n{child.log_tail()}") from None
    finally:
        await client.close()


async def committed(client: AIOKafkaClient, job: Job) -> int:
    """Return how many records of the input the group has committed; 0 while its coordinator is not ready."""
    partitions = [TopicPartition(job.input, i) for i in range(PARTITIONS)]
    try:
        return sum([await kafka.committed(client, job.group, partition) or 0 for partition in partitions])
    except KafkaError as exc:
        if not exc.retriable:
            raise
        return 0
