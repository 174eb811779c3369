"""Parts of ours as processes, each with a user of its own, and marks by which a secret is found where it is shown."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil
import unique
from secured_kafka import SecuredKafka
from secured_redis import SecuredRedis

from streamapp.contracts.settings import Settings, variable
from streamapp.embedded.processes import Child, Processes, Program, free_port

#: They say all that they can, also when they crash.
_TALKATIVE = {variable("log_level"): "debug", "PYTHONFAULTHANDLER": "1"}


def mark(what: str) -> str:
    """Return a secret that is found wherever it is shown."""
    return f"geheim-{what}-{uuid.uuid4().hex}"


def marks(text: str) -> set[str]:
    """Return the secrets in a text."""
    return set(re.findall(r"geheim-[\w-]+", text))


class Secured:
    """Starts parts and ends them.

    Args:
        kafka: The broker.
        redis: Redis.
        processes: Starts and ends processes.
        folder: Folder that they run in.
        registry: URL of the registry.
    """

    def __init__(
        self, kafka: SecuredKafka, redis: SecuredRedis, processes: Processes, folder: Path, *, registry: str
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes = processes
        self.children: list[Child] = []
        self._kafka = kafka
        self._redis = redis
        self._registry = registry

    def settings(self, user: str, redis: str = "", **overrides: Any) -> Settings:
        """Return the settings of a user of Kafka, and of one of Redis where there is one."""
        own = {
            "mlflow_tracking_uri": self._registry,
            "models": {"large": "Large_Team"},
            "default_model": "large",
            "processing_guarantee": "exactly_once",
            "api_port": self.port,
            "worker_web_port": free_port(),
            "csv_path": self.folder / "predicciones.csv",
            "var_dir": self.folder / user,
        }
        return self._kafka.settings(user, **own | (self._redis.settings(redis) if redis else {}) | overrides)

    def start(self, name: str, settings: Settings, *argv: str, ready: Any = None, **environment: str) -> Child:
        """Start a part."""
        env = self._environment(settings) | environment
        program = Program(
            f"{self.folder.name}-{name}", (sys.executable, "-m", *argv), ready, env, patience=120, cwd=self.folder
        )
        self.children.append(self.processes.start(program))
        return self.children[-1]

    def run(self, settings: Settings, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        env = os.environ | self._environment(settings) | environment
        command = (sys.executable, "-m", "streamapp", *argv)
        return subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=False)

    async def stop(self) -> None:
        """End what runs."""
        for child in self.children:
            if child in self.processes.children:
                await self.processes.stop(child, timeout=15)

    def written(self) -> str:
        """Return all that the parts have written, and the command lines of all processes of the tests."""
        ours = {process.pid for process in psutil.Process().children(recursive=True)}
        running = [process for process in psutil.process_iter(["cmdline"]) if process.pid in ours]
        lines = [" ".join(process.info["cmdline"] or ()) for process in running]
        return "\n".join([*(child.log.read_text(errors="replace") for child in self.children), *lines])

    def _environment(self, settings: Settings) -> dict[str, str]:
        """Return the variables of a process; its two passwords are in files."""
        values = unique.environment(settings)
        secrets = self.folder / f"secrets-{settings.sasl_username}"
        secrets.mkdir(exist_ok=True)
        for name in (variable("sasl_password"), variable("redis_password")):
            if password := values.pop(name):
                (secrets / name.lower()).write_text(f"{password}\n")
        return values | {variable("secrets_dir"): str(secrets)} | _TALKATIVE
