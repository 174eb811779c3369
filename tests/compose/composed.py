"""The system of docker-compose.yml, running under a name and on ports of its own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_kafka
import engine
import yaml

from streamapp.embedded.processes import free_port

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
HERE = Path(__file__).parent
LONG_RUNNING = ("redpanda", "redis", "mlflow", "worker", "api", "sinks", "producer")
_PORTS = ("API_PORT", "REQUESTS_PORT", "BROKER_PORT", "REDIS_PORT", "MLFLOW_PORT", "PROMETHEUS_PORT")


class Composed:
    """Runs compose, and what its containers have.

    Args:
        files: Compose files, the later ones over those before.
        environment: Variables that the files are read with.
    """

    def __init__(self, files: list[Path], environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._files = [argument for file in files for argument in ("-f", str(file))]
        self._project = f"streamapp-test-{os.getpid()}"

    def url(self, port: str = "API_PORT") -> str:
        return f"http://127.0.0.1:{self.environment[port]}"

    def __call__(self, *arguments: str) -> str:
        """Run a compose command; return what it wrote."""
        # Not the .env of the person who runs the tests; in the example nothing is set.
        example = ("--env-file", str(ROOT / ".env.example"))
        options = ("--project-name", self._project, "--project-directory", str(ROOT), *example)
        return _run(*engine.compose(), *options, *self._files, *arguments, env={**os.environ, **self.environment})

    def up(self, *arguments: str) -> None:
        """Start what does not run or runs otherwise, and wait until all that runs is healthy."""
        if engine.compose() == ["docker", "compose"]:
            self("up", "--detach", "--wait", "--wait-timeout", "420", *arguments)
        else:
            self("up", "--detach", *arguments)
        for service in (*LONG_RUNNING, "prometheus"):
            for container in self.containers(service):
                healthy(container)

    def containers(self, service: str) -> list[str]:
        labels = {"project": self._project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return _run("docker", "ps", "--all", "--quiet", "--no-trunc", *filters).split()

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a service's first container; return what it wrote."""
        return _run("docker", "exec", self.containers(service)[0], *command)

    def kill(self, service: str) -> None:
        """SIGKILL the first process of a service's first container; return when it is healthy again by itself."""
        container = self.containers(service)[0]
        pid = state(container)["Pid"]
        # From within it could not be done. `docker kill` would tell the engine not to start it again.
        image = ("--user", "0", "streamapp-edge", "sh", "-c")
        _run("docker", "run", "--rm", "--pid", "host", "--network", "none", *image, f"kill -9 {pid}")
        healthy(container, unlike=pid)


@contextmanager
def composed() -> Iterator[Composed]:
    """Build and start the system; take all of it down at the end, with its volumes."""
    ports = {name: str(free_port()) for name in _PORTS}
    files, environment = [FILE], ports
    if not engine.pulls(_redpanda()):
        files = [FILE, HERE / "kafka.override.yml"]
        environment |= {"COMPOSE_TESTS": str(HERE), "KAFKA_JARS": str(apache_kafka.jars())}
    if engine.compose() == ["docker-compose"]:
        # The older compose may stand beside an engine without BuildKit.
        environment |= {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}
    system = Composed(files, environment)
    try:
        system("build")
        try:
            system.up()
        except AssertionError as failure:
            failure.add_note(system("logs", "--no-color", "--tail", "20"))
            raise
        yield system
    finally:
        system("--profile", "observability", "down", "--volumes", "--remove-orphans", "--timeout", "5")


def _redpanda() -> str:
    """Return the broker's image, as compose reads it."""
    image: str = yaml.safe_load(FILE.read_text())["services"]["redpanda"]["image"]
    return os.environ.get("REDPANDA_IMAGE", image.removeprefix("${REDPANDA_IMAGE:-").removesuffix("}"))


def state(container: str) -> dict[str, Any]:
    return dict(inspect(container)["State"])


def inspect(container: str) -> dict[str, Any]:
    return dict(json.loads(_run("docker", "inspect", container))[0])


def healthy(container: str, unlike: int = 0, timeout: float = 180) -> None:
    """Wait until a container is healthy, with another first process than `unlike`."""
    deadline = time.monotonic() + timeout
    while (now := state(container))["Health"]["Status"] != "healthy" or now["Pid"] in {0, unlike}:
        assert time.monotonic() < deadline, f"not healthy within {timeout:g} s: {_log(container)}"
        time.sleep(0.5)


def _log(container: str) -> str:
    done = subprocess.run(["docker", "logs", "--tail", "30", container], capture_output=True, text=True, check=False)
    return f"{inspect(container)['Name']}\n{done.stdout}{done.stderr}"


def _run(*command: str, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout
