"""Starts the processes of the demo in an order that costs the least time, and says how they are."""

import asyncio
import signal
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from typing import Final, Never

import msgspec
from msgspec import structs

from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.demo import plan as programs
from streamapp.embedded.demo.check import ProducerSummary
from streamapp.embedded.demo.plan import Place, Plan
from streamapp.embedded.demo.snapshot import Running
from streamapp.embedded.processes import Child, Processes, Program, require_port

_POLL: Final = 0.2
#: Seconds that the producer may take to stop and count.
_PRODUCER_PATIENCE: Final = 15.0
#: Seconds that a training may take.
_TRAINING_PATIENCE: Final = 1800.0
#: And that of the marketplace model, which nothing waits for.
_MARKETPLACE_PATIENCE: Final = 300.0
#: Seconds that models may take to be served, once all processes are up; then the traffic begins without them.
_LOADING_PATIENCE: Final = 30.0


def require_ports(plan: Plan) -> None:
    """Check that every port is free, and that no two are the same.

    Raises:
        ProcessFailed: One is taken, or given twice; the message names the options that change it.
    """
    options: dict[int, str] = {}
    for name, port in structs.asdict(plan.ports).items():
        option = f"--{name}-port"
        if port in options:
            raise ProcessFailed(f"{options[port]} and {option} are both {port}; each needs a port of its own.")
        options[port] = option
        require_port(port, f"the demo's {name}", option)


class Stack:
    """The processes of the demo.

    Args:
        plan: What is to run.
        place: Its folders and settings.
        processes: Starts and ends them.
    """

    def __init__(self, plan: Plan, place: Place, processes: Processes) -> None:
        self._plan = plan
        self._place = place
        self._processes = processes
        self._producers: list[Child] = []
        self._training: Child | None = None
        self._services: list[Child] = []
        #: Every process so far by name, and the ones among them that must not end by themselves.
        self._states: dict[str, str] = {}
        self._needed: list[Child] = []

    async def start(self) -> None:
        """Start everything but the producers; train the models that are missing, but for the marketplace's.

        MLflow and the worker take the most seconds, so they are started first and have the processor to themselves;
        the worker waits for MLflow by itself. A worker that was started on the guess that its models are there is
        started anew after the training.

        Raises:
            ProcessFailed: A process did not come up.
            ServiceError: The registry or the broker does not answer.
        """
        plan, place = self._plan, self._place
        trained_before = (place.registry / "mlflow.db").exists()
        registry = self._start(services.mlflow(plan.ports.mlflow, place.registry))
        broker = self._start(services.broker(plan.ports.broker))
        redis = self._start(services.valkey(plan.ports.redis, place.work))
        self._services = [registry, broker, redis]
        workers = self._start_workers() if trained_before else []
        await self._ready(broker, redis)
        await self._make_topics()
        self._needed += self._services
        await self._ready(registry)
        edge, sinks = self._start(programs.edge(plan, place)), self._start(programs.sinks(place))
        self._needed += [edge, sinks]
        if await self._missing(*self._first()):
            for worker in workers:
                await self._processes.stop(worker)
            await self._train()
            workers = self._start_workers()
        self._needed += workers
        # The edge is ready when it knows a model, so when a worker has loaded one; it refuses records of the others.
        await self._ready(edge, sinks, *workers)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOADING_PATIENCE):
                while not await self._served() >= set(self._first_aliases()):
                    await asyncio.sleep(_POLL)

    def produce(self) -> None:
        """Start the producer."""
        self._send(programs.producer(self._plan, self._place))

    async def add_marketplace(self, served: Callable[[], Container[str]]) -> None:
        """Train the marketplace model where it is missing, and send it items as soon as it is served.

        All of it happens beside the other traffic. A training that fails or takes too long leaves the demo as it is.

        Args:
            served: Returns the aliases that are served.
        """
        name = self._place.settings.models.get(programs.MARKETPLACE)
        if name is None or (await self._missing(name) and not await self._train_marketplace()):
            return
        while programs.MARKETPLACE not in served():
            await asyncio.sleep(_POLL)
        self._send(programs.marketplace_producer(self._plan, self._place))

    async def stop_producers(self) -> ProducerSummary:
        """Stop the producers and return their counts.

        Raises:
            ProcessFailed: One did not end in good order.
        """
        for producer in self._producers:
            self._needed.remove(producer)
        codes = await asyncio.gather(*(self._processes.stop(one, _PRODUCER_PATIENCE) for one in self._producers))
        for producer, code, file in zip(self._producers, codes, self._place.producer_summaries, strict=False):
            self._states[producer.program.name] = "done"
            # One that SIGTERM ended before it counted had not come to handle signals, so not to send either.
            if code and not (code == -signal.SIGTERM and not file.exists()):
                raise ProcessFailed(_ended(producer))
        return self.produced() or ProducerSummary(sent=0, rejected=0)

    def produced(self) -> ProducerSummary | None:
        """Return what the producers have counted, None where none has yet."""
        counted = [_counted(file) for file in self._place.producer_summaries if file.exists()]
        return ProducerSummary(*map(sum, zip(*map(structs.astuple, counted), strict=True))) if counted else None

    async def stop(self) -> None:
        """End all processes: first, at the same time, those that use the services, then these."""
        self._needed.clear()
        users = [child for child in self._processes.children if child not in self._services]
        for wave in (users, self._services):
            await asyncio.gather(*(self._stop(child) for child in wave))

    async def guard(self) -> Never:
        """Wait until a process ends that should not.

        Raises:
            ProcessFailed: One did; the message carries its exit code and the end of its log.
        """
        while True:
            for child in self._needed:
                if child.process.poll() is not None:
                    raise ProcessFailed(_ended(child))
            await asyncio.sleep(_POLL)

    def running(self) -> tuple[Running, ...]:
        """Return the state of each process."""
        return tuple(Running(name, state) for name, state in self._states.items())

    def metrics(self) -> dict[str, str]:
        """Return where each part that runs tells its metrics, by its name."""
        pages = {child.program.name: programs.metrics_of(child.program) for child in self._needed}
        return {name: url for name, url in pages.items() if url is not None}

    def note(self) -> str:
        """Return the last line that the training wrote, "" where none runs."""
        lines = self._training.log_tail().splitlines() if self._training else []
        return lines[-1].strip() if lines else ""

    def _start(self, program: Program) -> Child:
        self._states[program.name] = "starting"
        return self._processes.start(program)

    async def _stop(self, child: Child) -> None:
        await self._processes.stop(child)
        self._states[child.program.name] = "stopped"

    def _send(self, program: Program) -> None:
        producer = self._start(program)
        self._states[program.name] = "ready"
        self._producers.append(producer)
        self._needed.append(producer)

    def _start_workers(self) -> list[Child]:
        return [self._start(program) for program in programs.workers(self._plan, self._place)]

    async def _ready(self, *children: Child) -> None:
        for child in children:
            await child.wait_ready()
            self._states[child.program.name] = "ready"

    async def _make_topics(self) -> None:
        from streamapp.clients.kafka import ensure_topics  # imported while MLflow and the worker start

        settings = self._place.settings
        await ensure_topics(settings, topics(settings), "demo")

    def _first(self) -> list[str]:
        """Return the names of the models that have to be there before the traffic begins."""
        models = self._place.settings.models
        return [models[alias] for alias in self._first_aliases()]

    def _first_aliases(self) -> list[str]:
        return [alias for alias in self._place.settings.models if alias != programs.MARKETPLACE]

    async def _served(self) -> set[str]:
        """Return the aliases that the edge knows to be served."""
        from streamapp.embedded.demo.catalogue import served  # as in `_make_topics`

        return await served(f"http://127.0.0.1:{self._plan.ports.api}")

    async def _missing(self, *names: str) -> list[str]:
        from streamapp.embedded.demo.registry import missing  # as in `_make_topics`

        return await missing(self._place.settings, names)

    async def _train(self) -> None:
        self._training = self._start(programs.training(self._place))
        if await self._training.wait(_TRAINING_PATIENCE) != 0:
            raise ProcessFailed(_ended(self._training))
        await self._processes.stop(self._training)
        self._states["training"] = "done"
        self._training = None
        if left := await self._missing(*self._first()):
            raise ProcessFailed(
                f"STREAMAPP_MODELS asks for models that the training does not make: {', '.join(left)}."
            )

    async def _train_marketplace(self) -> bool:
        """Train the marketplace model; returns whether that went well."""
        self._training = training = self._start(programs.marketplace_training(self._place))
        code = await training.wait(_MARKETPLACE_PATIENCE)
        await self._processes.stop(training)
        self._states[training.program.name] = "failed" if code else "given up" if code is None else "done"
        self._training = None
        return code == 0


def _counted(file: Path) -> ProducerSummary:
    return msgspec.json.decode(file.read_bytes(), type=ProducerSummary)


def _ended(child: Child) -> str:
    telling = child.log_tail(without="[info")  # a worker takes its leave with many of these
    return f"{child.program.name} ended with {child.process.poll()}; the end of its log:\n{telling}"
