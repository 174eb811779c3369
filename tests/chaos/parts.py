"""The processes of one trial: edge, workers, sinks and their Redis, as a user starts them."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from unique import environment as variables
from waiting import eventually

from streamapp.contracts.settings import Settings, variable
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, Program, answering, free_port

_TESTS: Final = Path(__file__).parents[1]
#: Seconds that a worker may take to be ready: it imports MLflow, and others may be starting beside it.
_PATIENCE: Final = 120.0


class Parts:
    """Starts, breaks and ends the processes of a trial.

    Args:
        settings: The settings that each of them gets.
        processes: Starts and ends them.
        folder: Folder that they run in.

    Attributes:
        workers: Every worker that was started, dead ones too, in order.
        edge: The edge.
        sinks: The sinks worker.
        redis: The Redis that the sinks write to.
    """

    edge: Child
    sinks: Child
    redis: Child

    def __init__(self, settings: Settings, processes: Processes, folder: Path) -> None:
        self.settings = settings
        self.workers: list[Child] = []
        self._processes = processes
        self._folder = folder
        self._own: list[Child] = []
        self._ended: list[Child] = []

    def start(self, *worker: str) -> None:
        """Start all of them; the first worker by `python -m ARGUMENTS` where some are given."""
        self.start_worker(*worker)
        self.start_redis()
        self.start_edge()
        self.start_sinks()

    async def ready(self) -> None:
        """Wait until requests are accepted: until a worker has published the models' cards to the edge."""
        await self.edge.wait_ready()

    async def stop(self) -> None:
        """End all that is left."""
        await asyncio.gather(
            *(self._processes.stop(child) for child in self._own if child in self._processes.children)
        )

    def kill(self, child: Child) -> None:
        """SIGKILL a process and wait until it has gone."""
        self._excuse(child)
        child.process.kill()
        child.process.wait()

    async def terminate(self, child: Child, timeout: float = 30.0) -> int | None:
        """SIGTERM a process; return its exit code, None where it has not ended in time."""
        self._excuse(child)
        child.process.terminate()
        return await child.wait(timeout)

    async def died(self, child: Child, timeout: float = 60.0) -> None:
        """Wait until a process that is to end itself has gone."""
        self._ended.append(child)
        await eventually(
            lambda: child.process.poll() is not None, f"the end of {child.program.name}", timeout=timeout
        )

    def _excuse(self, child: Child) -> None:
        """Note that a process is to end; one that has gone before had no reason."""
        if child.process.poll() is None:
            self._ended.append(child)

    def fallen(self) -> list[str]:
        """Return the names of the processes that have ended and that nobody meant to end."""
        return [
            child.program.name for child in self._own if child not in self._ended and child.process.poll() is not None
        ]

    def resume_all(self) -> None:
        """SIGCONT all that is left."""
        for child in self._own:
            if child.process.poll() is None:
                resume(child)

    def start_worker(self, *argv: str, **environment: str) -> Child:
        """Start a scoring worker: `streamapp worker`, or another module with its arguments."""
        port = {variable("worker_web_port"): str(free_port())}
        worker = self._start(
            f"worker-{len(self.workers)}", *(argv or ("streamapp", "worker")), env=port | environment
        )
        self.workers.append(worker)
        return worker

    def start_edge(self, **environment: str) -> None:
        """Start the edge, at the same address each time."""
        url = f"http://127.0.0.1:{self.settings.api_port}/readyz"
        self.edge = self._start("edge", "streamapp", "api", ready=answering(url), env=environment)

    def start_sinks(self, **environment: str) -> None:
        """Start the sinks worker."""
        self.sinks = self._start("sinks", "streamapp", "sinks", env=environment)

    def start_redis(self, *options: str) -> None:
        """Start Redis, empty, at the same address each time; options as its command line has them."""
        port = int(self.settings.redis_url.get_secret_value().rpartition(":")[2].partition("/")[0])
        program = services.valkey(port, self._folder)
        self.redis = self._run(program.argv + options, "redis")

    def _start(self, name: str, *argv: str, ready: Any = None, env: Mapping[str, str] = {}) -> Child:
        return self._run((sys.executable, "-m", *argv), name, ready, environment(self.settings) | dict(env))

    def _run(self, argv: tuple[str, ...], name: str, ready: Any = None, env: Mapping[str, str] = {}) -> Child:
        unique = f"{self.settings.group}-{name}"
        child = self._processes.start(Program(unique, argv, ready, env, patience=_PATIENCE, cwd=self._folder))
        self._own.append(child)
        return child


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give a process exactly these settings, and let it import the modules of the suite."""
    values = variables(settings) | {"STREAMAPP_MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri}
    return values | {"PYTHONPATH": str(_TESTS), "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1"}


def pause(child: Child) -> None:
    """SIGSTOP a process with all its threads."""
    os.killpg(child.pid, signal.SIGSTOP)


def resume(child: Child) -> None:
    """SIGCONT a process."""
    os.killpg(child.pid, signal.SIGCONT)


def is_ready(worker: Child) -> bool:
    """Say whether a worker has become a member of its group."""
    return "Worker ready" in worker.log.read_text()


async def ready(worker: Child, timeout: float = _PATIENCE) -> None:
    """Wait until a worker is a member of its group."""
    await eventually(lambda: is_ready(worker), f"{worker.program.name} ready", timeout=timeout)
