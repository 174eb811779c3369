"""Contenders in turns on the same records.

Each starts for its first lap and goes on for all others, with a topic and a group of its own. It is halted while the
records of a lap are put on its topic, so that each lap is a backlog.
"""

import asyncio
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psutil
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from benchmarks import checking, traffic
from benchmarks.bench import Bench, Broker
from benchmarks.checking import Expected, Positions, Span
from benchmarks.contenders import Contender, Job
from benchmarks.pinning import pin, pin_tree
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
        took: Seconds from when the contender found the backlog until the last prediction; with its start in its
            first lap.
    """

    rate: float
    cpu: float
    memory: float
    took: float


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


class Entrant:
    """A contender in a race: started for its first lap, stopped at the end of the race.

    Args:
        contender: Who it is.
        job: What it is to do.

    Attributes:
        child: Its process; None before the first lap.
        records: Requests that it has had so far.
        read: Where the next lap's predictions begin.
    """

    def __init__(self, contender: Contender, job: Job) -> None:
        self.contender = contender
        self.job = job
        self.child: Child | None = None
        self.records = 0
        self.read: Positions = {}

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Keep its processes from running while the block runs: it is to find a backlog."""
        tree = [] if self.child is None else [me := psutil.Process(self.child.pid), *me.children(recursive=True)]
        for process in tree:
            process.suspend()
        try:
            yield
        finally:
            for process in tree:
                process.resume()


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
        async with AsyncExitStack() as stack:
            entrants = [await stack.enter_async_context(self.entrant(contender, files)) for contender in contenders]
            for _ in range(bench.rounds if rounds is None else rounds):
                for entrant in entrants:
                    laps[entrant.contender.name].append(await self.lap(entrant, wanted))
        return laps

    @asynccontextmanager
    async def entrant(self, contender: Contender, files: Path) -> AsyncIterator[Entrant]:
        """Have a contender in the race while the block runs.

        Args:
            contender: Who it is.
            files: Folder with the model as plain files.
        """
        entrant = Entrant(contender, self._job(f"requests-{next(_numbers)}", files))
        await traffic.make_topics(self._broker, entrant.job.input, entrant.job.output)
        try:
            yield entrant
        finally:
            if entrant.child is not None:
                await self._bench.processes.stop(entrant.child)
            self._free()

    async def lap(self, entrant: Entrant, wanted: Expected, records: int | None = None) -> Lap:
        """Have one contender clear a backlog once, of so many records; None: of those of the course."""
        course, job = self._course.work, entrant.job
        given = msgspec.structs.replace(course, records=records or course.records, before=entrant.records)
        work = shared(given, entrant.contender.share)
        with entrant.halted():
            await traffic.fill(self._broker, job.input, work)
        released = time.time()
        if entrant.child is None:
            entrant.child = self._bench.processes.start(await entrant.contender.program(self._bench, job))
        await self._place(entrant.child)
        async with Sampler(entrant.child.pid) as sampler:
            await _cleared(job, work.before + work.records, entrant.child)
        await self._look(job)
        span, entrant.read = await checking.check(self._broker, job.output, work, wanted, entrant.read)
        entrant.records += work.records
        lap = result(span, sampler, released)
        self._bench.say(f"{entrant.contender.name}, {self._course.broker}: {lap.rate:,.0f} records/s")
        return lap

    @asynccontextmanager
    async def running(self, contender: Contender) -> AsyncIterator[Job]:
        """Run a contender on an empty topic while the block runs; all else is pinned, as in a race.

        Raises:
            ProcessFailed: The block raised it; the message has the end of the contender's log as well.
        """
        files = await exported(self._bench, self._course.registry, self._course.model)
        async with self.entrant(contender, files) as entrant:
            child = entrant.child = self._bench.processes.start(await contender.program(self._bench, entrant.job))
            await self._place(child)
            try:
                yield entrant.job
            except ProcessFailed as exc:
                raise ProcessFailed(f"{exc}\n{contender.name} said:\n{child.log_tail()}") from exc

    async def _look(self, job: Job) -> None:
        """Look at a contender that has cleared the backlog and still runs; nothing is looked at here."""

    async def _place(self, child: Child) -> None:
        """Give a contender the processors of the course, and all else, the other contenders too, the first one."""
        self._others(child, {OTHERS})
        pin(child.pid, self._course.cores)

    def _others(self, child: Child, cores: Iterable[int]) -> None:
        for pid in (os.getpid(), *(other.pid for other in self._bench.processes.children if other is not child)):
            pin_tree(pid, cores)

    def _free(self) -> None:
        for pid in (os.getpid(), *(child.pid for child in self._bench.processes.children)):
            pin_tree(pid, range(os.cpu_count() or 1))

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


def result(span: Span, sampler: Sampler, released: float) -> Lap:
    """Return what a lap came to that began at a time."""
    busy = sampler.cpu_between(span.first, span.last) / (span.last - span.first)
    return Lap(span.rate, busy / span.rate * 1_000_000, sampler.most_mib, span.last - released)


async def _cleared(job: Job, records: int, child: Child) -> None:
    """Wait until the contender's group has committed so many records.

    Raises:
        ProcessFailed: It has ended.
        TimeoutError: It takes too long; the message has the end of its log.
    """
    client = AIOKafkaClient(**kafka.connection(load_settings(broker=job.broker), "bench"))
    await client.bootstrap()
    try:
        async with asyncio.timeout(_LIMIT):
            while await committed(client, job) < records:
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
