"""Contenders in turns on the same records.

All start side by side and go on for all laps, each with topics and a group of its own. Who is to have a lap is halted
while the records are put on its topic, so that each lap is a backlog.
"""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import psutil
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from benchmarks import checking, traffic
from benchmarks.bench import Bench, Broker
from benchmarks.checking import Expected, Positions
from benchmarks.contenders import Contender, Job
from benchmarks.laps import Lap, result
from benchmarks.pinning import pin, pin_tree
from benchmarks.registries import exported
from benchmarks.sampling import Sampler
from benchmarks.traffic import ALIAS, PARTITIONS, Workload
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
#: In the lines of a worker's log that tell nothing of a failure.
_NO_NEWS: Final = '"level": "info"'
#: Records that a contender answers before its first lap.
_FEW: Final = 400
_numbers = itertools.count()


class Course(NamedTuple):
    """What is raced on.

    Attributes:
        broker: Kind of the broker.
        work: The requests.
        models: Names of the models in the registry, by the aliases that the requests ask for.
        registry: Where they are.
        cores: Processors that a contender has.
    """

    broker: Broker
    work: Workload
    models: Mapping[str, str]
    registry: str
    cores: Sequence[int] = ALONE


class Entrant:
    """A contender in a race, from its start to the end of the race.

    Args:
        contender: Who it is.
        job: What it is to do.
        child: Its process.

    Attributes:
        records: Requests that it has had so far.
        read: Where the next lap's predictions begin.
    """

    def __init__(self, contender: Contender, job: Job, child: Child) -> None:
        self.contender = contender
        self.job = job
        self.child = child
        self.records = 0
        self.read: Positions = {}

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Keep its processes from running while the block runs: it is to find a backlog."""
        tree = [me := psutil.Process(self.child.pid), *me.children(recursive=True)]
        for process in tree:
            process.suspend()
        try:
            yield
        finally:
            for process in tree:
                with suppress(psutil.NoSuchProcess):
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

    async def run(
        self, contenders: Sequence[Contender], rounds: int | None = None, wanted: Expected | None = None
    ) -> dict[str, list[Lap]]:
        """Run the contenders in turns.

        Args:
            contenders: Who takes part.
            rounds: Turns; None: as many as the benchmark has.
            wanted: What is asked and to be answered; None: what the LightGBM model answers.

        Returns:
            The laps of each contender, by its name.

        Raises:
            Wrong: What one wrote is not what had to come out.
            ProcessFailed: One ended.
            TimeoutError: One was not done in time.
        """
        bench, course = self._bench, self._course
        files = await self.files()
        if wanted is None:
            wanted = await asyncio.to_thread(checking.expected, files, course.work)
        laps: dict[str, list[Lap]] = {contender.name: [] for contender in contenders}
        async with self.entrants(contenders, files, wanted) as entrants:
            for _ in range(bench.rounds if rounds is None else rounds):
                for entrant in entrants:
                    laps[entrant.contender.name].append(await self.lap(entrant, wanted))
        return laps

    @asynccontextmanager
    async def entrants(
        self, contenders: Sequence[Contender], files: Path, wanted: Expected
    ) -> AsyncIterator[list[Entrant]]:
        """Have contenders in the race while the block runs; each has answered a few records by then.

        Args:
            contenders: Who they are.
            files: Folder with the model as plain files.
            wanted: What is asked and to be answered.
        """
        entrants: list[Entrant] = []
        try:
            for place, contender in enumerate(contenders):
                entrants.append(await self._enter(contender, files))
                # They load side by side, and see as many processors as they will have.
                cores = self._course.cores if len(self._course.cores) > 1 else {place % (os.cpu_count() or 1)}
                pin(entrants[-1].child.pid, cores)
            async with asyncio.TaskGroup() as group:
                for entrant in entrants:
                    group.create_task(self._warmed_up(entrant, wanted))
            yield entrants
        finally:
            await asyncio.gather(*(self._bench.processes.stop(entrant.child) for entrant in entrants))
            self._free()

    async def lap(self, entrant: Entrant, wanted: Expected, records: int | None = None) -> Lap:
        """Have one contender clear a backlog once, of so many records; None: of those of the course."""
        work = self._next(entrant, (records or self._course.work.records) * entrant.contender.share)
        with entrant.halted():
            await traffic.fill(self._broker, entrant.job.input, work, wanted.requests)
        released = time.time()
        await self._place(entrant)
        async with Sampler(entrant.child.pid) as sampler:
            await _cleared(entrant, work)
        span = checking.span(await self._checked(entrant, work, wanted))
        self._bench.say(f"{entrant.contender.name}, {self._course.broker}: {span.rate:,.0f} records/s")
        return result(span, sampler, released)

    @asynccontextmanager
    async def running(self, contender: Contender) -> AsyncIterator[Job]:
        """Run a contender on an empty topic while the block runs; all else is pinned, as in a race.

        Raises:
            ProcessFailed: The block raised it; the message has the end of the contender's log as well.
        """
        entrant = await self._enter(contender, await self.files())
        try:
            await self._place(entrant)
            yield entrant.job
        except ProcessFailed as exc:
            raise ProcessFailed(f"{exc}\n{contender.name} said:\n{entrant.child.log_tail(_NO_NEWS)}") from exc
        finally:
            await self._bench.processes.stop(entrant.child)
            self._free()

    async def _enter(self, contender: Contender, files: Path) -> Entrant:
        """Start a contender on topics of its own, which are empty."""
        job = self._job(files)
        await traffic.make_topics(self._broker, job.input, job.output)
        return Entrant(contender, job, self._bench.processes.start(await contender.program(self._bench, job)))

    async def _warmed_up(self, entrant: Entrant, wanted: Expected) -> None:
        """Wait until a contender has joined its group and answered its first records."""
        work = self._next(entrant, _FEW)
        await traffic.fill(self._broker, entrant.job.input, work, wanted.requests)
        await _cleared(entrant, work)
        await self._checked(entrant, work, wanted)

    def _next(self, entrant: Entrant, records: float) -> Workload:
        """Return the workload of an entrant's next records: so many, and as many on each partition."""
        even = round(records / PARTITIONS) * PARTITIONS
        return msgspec.structs.replace(self._course.work, records=even, before=entrant.records)

    async def _checked(self, entrant: Entrant, work: Workload, wanted: Expected) -> list[int]:
        """Return the timestamps of the predictions of the records that an entrant has just had."""
        await self._look(entrant.job)
        times, entrant.read = await checking.check(self._broker, entrant.job.output, work, wanted, entrant.read)
        entrant.records += work.records
        return times

    async def files(self) -> Path:
        """Return the folder with the plain files of the model that is asked, for who reads no registry."""
        return await exported(self._bench, self._course.registry, self._course.models[ALIAS])

    async def _look(self, job: Job) -> None:
        """Look at a contender that has cleared the backlog and still runs; nothing is looked at here."""

    async def _place(self, entrant: Entrant) -> None:
        """Give a contender the processors of the course, and all else, the other contenders too, the first one."""
        self._others(entrant.child, {OTHERS})
        pin_tree(entrant.child.pid, self._course.cores)

    def _others(self, child: Child, cores: Iterable[int]) -> None:
        for pid in (os.getpid(), *(other.pid for other in self._bench.processes.children if other is not child)):
            pin_tree(pid, cores)

    def _free(self) -> None:
        for pid in (os.getpid(), *(child.pid for child in self._bench.processes.children)):
            pin_tree(pid, range(os.cpu_count() or 1))

    def _job(self, files: Path) -> Job:
        name = f"entrant-{next(_numbers)}"
        return Job(
            broker=self._broker,
            input=f"requests-{name}",
            output=f"predictions-{name}",
            group=name,
            registry=self._course.registry,
            models=self._course.models,
            files=files,
            port=free_port(),
        )


async def _cleared(entrant: Entrant, work: Workload) -> None:
    """Wait until the contender's group has committed all records.

    Raises:
        ProcessFailed: It has ended.
        TimeoutError: It takes too long; the message has the end of its log.
    """
    job, child = entrant.job, entrant.child
    client = AIOKafkaClient(**kafka.connection(load_settings(broker=job.broker), "bench"))
    await client.bootstrap()
    try:
        async with asyncio.timeout(_LIMIT):
            while await committed(client, job) < work.before + work.records:
                if child.process.poll() is not None:
                    raise ProcessFailed(f"{child.program.name} has ended:\n{child.log_tail(_NO_NEWS)}")
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        raise TimeoutError(
            f"{child.program.name} was not done in {_LIMIT:g} s:\n{child.log_tail(_NO_NEWS)}"
        ) from None
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
