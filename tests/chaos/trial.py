"""A trial: one fault on a stack of its own, from the first process to what the oracles say."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from chaos import oracles, parts
from chaos.brokers import Broker
from chaos.fault import Fault
from chaos.ledger import Phase, Run
from chaos.observe import Observer
from chaos.parts import Parts
from chaos.registry import ALIAS, NAME, POISONED, Registry
from chaos.traffic import Traffic
from streamapp.clients import kafka
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Processes, free_port

#: Records that must have been processed before the fault begins: what follows hits a system at work.
WARM: Final = 100
_WARM_LIMIT: Final = 60.0
#: Seconds for what the traffic sends as it ends, where healing took all of its limit.
_SETTLING: Final = 5.0
#: Seconds for a client to end in good order.
_CLOSING: Final = 15.0
EXACTLY_ONCE: Final = "exactly_once"


class Ground(NamedTuple):
    """What the trials of a run share.

    Attributes:
        processes: Starts and ends processes.
        folder: Folder for files.
        kind: `kafka` or `embedded`.
        broker: The broker.
        registry: The model registry.
        guarantee: Delivery guarantee of the workers.
        seed: Seed of the run.
        records: Records that are accepted of a trial's traffic at least.
    """

    processes: Processes
    folder: Path
    kind: str
    broker: Broker
    registry: Registry
    guarantee: str
    seed: int
    records: int


class Trial:
    """One fault's own topics, processes and traffic. Faults act on its attributes.

    Args:
        fault: The fault.
        ground: What it stands on.

    Attributes:
        random: All that the fault leaves to chance comes from here.
        settings: Settings of every part.
        broker: The broker.
        proxy: What stands between it and the parts.
        registry: The model registry.
        parts: The processes.
        traffic: What is sent.
        observer: Lag and results.
        failures: Expectations that did not hold so far.
        undo: What a fault leaves to be undone once the processes have ended.
    """

    def __init__(self, fault: Fault, ground: Ground) -> None:
        self.random = source(ground.seed, fault)
        self.folder = ground.folder / f"{ground.kind}-{fault.number:02d}"
        self.folder.mkdir(parents=True)
        self.settings = settings(fault, ground, self.folder)
        self.broker = ground.broker
        self.proxy = ground.broker.proxy
        self.registry = ground.registry
        self.parts = Parts(self.settings, ground.processes, self.folder)
        self.traffic = Traffic(
            self.settings,
            random.Random(f"traffic-{ground.seed}-{fault.number}"),  # noqa: S311  # made to be repeatable
            ground.records,
            idempotent=ground.kind == "kafka",
        )
        self.observer = Observer(self.settings)
        self.failures: list[str] = []
        self.undo = AsyncExitStack()
        self.proxy.seed(f"{ground.seed}-{fault.number}")
        self._fault = fault
        self._stack = AsyncExitStack()

    def expect(self, holds: object, what: str) -> None:
        """Note what should be and is not; the trial goes on, and fails in the end."""
        if not holds:
            self.failures.append(what)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.undo.aclose)
            stack.push_async_callback(self.parts.stop)
            for alias in self._fault.models:
                await self.registry.add_poisoned(alias)
            await kafka.ensure_topics(self.settings, topics(self.settings), "chaos")
            stack.push_async_callback(_in_time, self.observer.close)
            await self.observer.open()
            stack.push_async_callback(_in_time, self.traffic.close)
            stack.callback(self._relieve)
            self.parts.start(*(self._fault.worker(self.random) if self._fault.worker else ()))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    def _relieve(self) -> None:
        """Undo first what keeps others from ending: bad weather, and processes that are stopped."""
        self.proxy.clear()
        self.parts.resume_all()
        if self.broker.child is not None and self.broker.child.process.poll() is None:
            parts.resume(self.broker.child)

    async def warm_up(self) -> None:
        """Wait until requests are let in, begin the traffic, and wait until some of it is let in and processed.

        A worker that is to kill itself may do so before that.

        Raises:
            TimeoutError: It takes too long.
        """
        await self.parts.ready()
        await self.traffic.start()
        worker = self.parts.workers[0]
        async with asyncio.timeout(_WARM_LIMIT):
            while worker.process.poll() is None and await self.observer.committed() < WARM:
                await asyncio.sleep(0.1)
            await self._let_in()
        self.traffic.phase = Phase.DURING

    async def come_to_rest(self) -> tuple[float | None, int]:
        """Wait until what has come in by now is committed and requests are let in, end the traffic, see to its end.

        Returns:
            Seconds from now until all that is on the input topic now was committed, None where that, or what came
            after it, was not within the limit; and the records left at last.

        Raises:
            TimeoutError: The traffic does not come to its end.
        """
        clock = asyncio.get_running_loop().time
        start = clock()
        deadline = start + oracles.HEALING_LIMIT
        self.traffic.phase = Phase.AFTER
        left = await self.observer.caught_up(oracles.HEALING_LIMIT)
        healed_s = clock() - start
        with contextlib.suppress(TimeoutError):  # what the oracle of the edge finds then
            async with asyncio.timeout_at(deadline):
                await self._let_in()
        async with asyncio.timeout(oracles.HEALING_LIMIT):
            await self.traffic.finish()
        # What it gave up waiting for may still be in its hands, and would come in while the results are read.
        await self.parts.terminate(self.parts.edge)
        lag = await self.observer.caught_up(max(deadline - clock(), _SETTLING))
        return (None if left or lag else healed_s), lag

    async def _let_in(self) -> None:
        """Wait until the edge has let in a few requests of this phase."""
        while self.traffic.let_in() < oracles.FEW:
            await asyncio.sleep(0.1)

    async def look(self, healed_s: float | None, lag: int) -> Run:
        """Collect what the oracles judge."""
        sent = self.traffic.ledger
        for name in self.parts.fallen():
            self.expect(holds=False, what=f"{name} ended by itself")
        outcomes = await self.observer.outcomes({s.id: s.serial for s in sent if s.id})
        exactly_once = self.settings.processing_guarantee == EXACTLY_ONCE
        run = Run(sent, outcomes, exactly_once, healed_s=healed_s, lag=lag)
        await self.observer.sinks_level(len(run.predictions()))
        return Run(sent, outcomes, exactly_once, await self.observer.mirror(), self.observer.csv(), healed_s, lag)

    def judge(self, run: Run) -> list[str]:
        """Return what does not hold of a run."""
        fault = self._fault
        wrong = [
            *self.failures,
            *oracles.once(run),
            *oracles.nothing_else(run),
            *oracles.recomputed(run, self.registry.recompute),
            *oracles.mirrored(run),
            *oracles.audited(run),
            *oracles.caught_up(run),
            *oracles.admitting(run),
            *oracles.ordered(run),
        ]
        if not fault.silences_edge:
            wrong += oracles.answering(run)
        if not fault.repeats:
            wrong += oracles.unrepeated(run)
        return wrong


async def _in_time(close: Callable[[], Awaitable[None]]) -> None:
    """Close a client; one that waits for a broker that has gone, or fails at it, ends nothing else."""
    closing = asyncio.ensure_future(close())
    _, late = await asyncio.wait({closing}, timeout=_CLOSING)
    for one in late:
        one.cancel()


def source(seed: int, fault: Fault) -> random.Random:
    """Return where a fault's chances come from: the same for the same seed, whatever other faults are run."""
    return random.Random(f"{seed}-{fault.number}")  # noqa: S311  # made to be repeatable


def settings(fault: Fault, ground: Ground, folder: Path) -> Settings:
    """Return settings with names that no other trial uses."""
    name = f"{ground.kind}-{fault.number:02d}"
    values = {
        "broker": f"127.0.0.1:{ground.broker.proxy.port}",
        "redis_url": f"redis://127.0.0.1:{free_port()}/0",
        "mlflow_tracking_uri": ground.registry.uri,
        "processing_guarantee": ground.guarantee,
        "group": name,
        "input_topic": f"{name}-requests",
        "model_topics": {},
        "predictions_topic": f"{name}-predictions",
        "dead_letters_topic": f"{name}-dead",
        "redriven_topic": f"{name}-redriven",
        "models_topic": f"{name}-models",
        "switches_topic": f"{name}-switches",
        "status_topic": f"{name}-status",
        "replies_topic": f"{name}-replies",
        "models": {ALIAS: NAME, **{alias: POISONED[alias] for alias in fault.models}},
        "default_model": ALIAS,
        "api_port": free_port(),
        "csv_path": folder / "audit/predicciones.csv",
        "var_dir": folder / "var",
        "session_timeout": 6.0,
        "rebalance_timeout": 4.0,
    }
    return load_settings(**{**values, **fault.settings})
