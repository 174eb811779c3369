"""The processes of a soak: broker, MLflow with trained models, Redis, and the parts as a user starts them."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from apache_kafka import ApacheKafka
from chaos import parts

from soak.load import MODEL
from streamapp.clients import kafka
from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, Program, free_port

KAFKA: Final = "kafka"
EMBEDDED: Final = "embedded"
#: What is judged; broker and Redis grow with what they keep.
OURS: Final = ("edge", "worker", "sinks")
_TRAINING_ROWS: Final = "6000"
_PATIENCE: Final = 300.0


class Stack:
    """Everything that runs, on free ports.

    Args:
        kind: `kafka` or `embedded`.
        folder: Folder for data and logs.

    Attributes:
        settings: Settings of every part.
        parts: The parts of ours, and Redis.
        broker: The broker's process.
        folder: Folder for data and logs.
    """

    settings: Settings
    parts: parts.Parts
    broker: Child

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self.folder = folder
        self._processes = Processes(folder / "logs")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._processes)
        registry = free_port()
        self.broker, port = await self._start_broker()
        await self._processes.run(services.mlflow(registry, self.folder / "mlflow"))
        self.settings = _settings(port, registry, self.folder)
        await self._finish("train", "streamapp", "train", "employees", "--rows", _TRAINING_ROWS)
        await kafka.ensure_topics(self.settings, topics(self.settings), "soak")
        self.parts = parts.Parts(self.settings, self._processes, self.folder)
        self.parts.start()
        await asyncio.gather(self.parts.ready(), parts.ready(self.parts.workers[0]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def processes(self) -> dict[str, Child]:
        """Return what is watched, by name."""
        of_ours = {"edge": self.parts.edge, "worker": self.parts.workers[0], "sinks": self.parts.sinks}
        return {**of_ours, "broker": self.broker, "redis": self.parts.redis}

    def start(self, name: str, *argv: str) -> Child:
        """Start a program of ours beside the parts: `python -m ARGV`."""
        env = parts.environment(self.settings)
        return self._processes.start(Program(name, (sys.executable, "-m", *argv), env=env, cwd=self.folder))

    async def stop(self, child: Child) -> None:
        """End a program that was started beside the parts."""
        await self._processes.stop(child)

    async def _finish(self, name: str, *argv: str) -> None:
        child = self.start(name, *argv)
        if await child.wait(_PATIENCE) != 0:
            raise ProcessFailed(child.log_tail())
        await self.stop(child)

    async def _start_broker(self) -> tuple[Child, int]:
        if self._kind == KAFKA:
            broker = ApacheKafka(self._processes, self.folder / "kafka")
            return await broker.start(), broker.port
        port = free_port()
        return await self._processes.run(services.broker(port)), port


def _settings(broker: int, registry: int, folder: Path) -> Settings:
    return load_settings(
        broker=f"127.0.0.1:{broker}",
        mlflow_tracking_uri=f"http://127.0.0.1:{registry}",
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        api_port=free_port(),
        default_model=MODEL,
        csv_path=folder / "predicciones.csv",
        var_dir=folder / "var",
    )
