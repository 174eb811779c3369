"""Apache Kafka as the tests' reference broker: one node in KRaft mode, on free ports, with its data in a folder.

Its jars come from Maven once and stay in `tests/kafka/target`. Java 17 or newer and Maven are needed.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded.processes import Child, Processes, Program, free_port, listening

_FOLDER = Path(__file__).parent / "kafka"
_JARS = _FOLDER / "target/dependency"
#: Quick to start and small: a test broker serves few clients for a short time.
_JAVA = ("java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_LOGGING = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"


def missing() -> str:
    """Say what this machine lacks to run Apache Kafka; "" where nothing is."""
    lacks = [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"Apache Kafka needs {' and '.join(lacks)} on the PATH" if lacks else ""


def jars() -> Path:
    """Return the folder with Kafka's jars; they are fetched where they are not there yet.

    Raises:
        ProcessFailed: Maven could not fetch them.
    """
    stamp = _JARS / ".complete"
    wanted = (_FOLDER / "pom.xml").read_bytes()
    if not stamp.exists() or stamp.read_bytes() != wanted:
        shutil.rmtree(_JARS, ignore_errors=True)
        command = ("mvn", "-q", "-B", "-f", str(_FOLDER / "pom.xml"), "dependency:copy-dependencies")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProcessFailed(f"Maven could not fetch Apache Kafka:\n{done.stdout[-2000:]}")
        stamp.write_bytes(wanted)
    return _JARS


class ApacheKafka:
    """A broker that can be killed and started again with its data, at the same address.

    Args:
        processes: Starts and ends it.
        folder: Folder for its configuration and data.
        listen: Port to listen on; None: a free one.
        **config: Broker configuration above our own, with `_` for `.`.
    """

    def __init__(self, processes: Processes, folder: Path, listen: int | None = None, **config: str) -> None:
        self.port = free_port() if listen is None else listen
        self.folder = folder
        self.data = folder / "data"
        self.child: Child | None = None
        self._processes = processes
        self._controller = free_port()
        self._config = {name.replace("_", "."): value for name, value in config.items()}
        self._properties = folder / "server.properties"

    @property
    def address(self) -> str:
        """Bootstrap server."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> Child:
        """Start it, with the data that it had before, and wait until it answers.

        Raises:
            ProcessFailed: It did not come up; the message carries the end of its log.
        """
        if not self._properties.exists():
            await asyncio.to_thread(self._format)
        argv = self._java("kafka.Kafka", str(self._properties))
        self.child = await self._processes.run(Program("kafka", argv, self._answers, patience=60))
        return self.child

    async def stop(self) -> None:
        """End it in good order."""
        if self.child is not None:
            await self._processes.stop(self.child, timeout=30)

    async def kill(self) -> None:
        """SIGKILL it; what it had acknowledged is in its files or in the page cache, so it outlives this."""
        if self.child is not None:
            self.child.process.kill()
            await self._processes.stop(self.child)

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()))
        cluster = "c3RyZWFtYXBwLXRlc3RzAA"  # any 16 bytes in base64
        command = self._java("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster)
        command = (*command, "-c", str(self._properties), *self._format_options())
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProcessFailed(f"Apache Kafka could not format {self.folder}:\n{done.stdout}{done.stderr}")

    def _java(self, *arguments: str) -> tuple[str, ...]:
        return (*_JAVA, _LOGGING, "-cp", f"{jars()}/*", *arguments)

    def _settings(self) -> dict[str, str]:
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": str(self.data),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.min.session.timeout.ms": "1000",
            "num.network.threads": "2",
            "num.io.threads": "4",
            **self._config,
        }

    def _format_options(self) -> tuple[str, ...]:
        return ()

    def _client(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.address}

    async def _answers(self) -> bool:
        if not await listening(self.port)():
            return False
        admin = AIOKafkaAdminClient(**self._client(), request_timeout_ms=1000)
        try:
            await admin.start()
            await admin.list_topics()
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True


def require() -> None:
    """Skip where Apache Kafka cannot be run; fail where it has to be, as on a machine that checks changes."""
    if reason := missing():
        must = os.environ.get("CI", "").lower() in {"1", "true"}
        (pytest.fail if must else pytest.skip)(reason)
