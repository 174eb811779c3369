"""A system that is well, of which each test breaks something."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import teams
from doctor_support import Valkey, make_topics, speak
from msgspec import structs
from registry_tags import serve_nothing_else
from unique import unique_settings

from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, Program, free_port, listening
from streamapp.runtimes.promotion import Promoter
from streamapp.runtimes.vouching import Voucher


@pytest.fixture(scope="session")
def kept_redis(runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a Valkey that keeps what it is given."""
    return runner.run(_valkey(processes, tmp_path_factory.mktemp("kept"), "--appendonly", "yes"))


@pytest.fixture
async def valkey(processes: Processes, tmp_path: Path) -> Valkey:
    """Valkeys of a test's own."""

    async def start(*options: str) -> str:
        return await _valkey(processes, tmp_path, *options)

    return start


async def _valkey(processes: Processes, folder: Path, *options: str) -> str:
    port = free_port()
    program = services.valkey(port, folder)
    await processes.run(structs.replace(program, name=f"valkey-{port}", argv=(*program.argv, *options)))
    return f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manifests")


@pytest.fixture(scope="session")
def examined(registry_uri: str, manifests: Path) -> str:
    """Name of a registered model that is promoted and vouched for."""
    name = "Examined"
    teams.register(registry_uri, name)
    Promoter(registry_uri, "champion").promote(name, "1", {})
    Voucher(Settings(mlflow_tracking_uri=registry_uri, model_manifests=manifests)).vouch(name, "1")
    return name


@pytest.fixture
def models(registry_uri: str, examined: str, manifests: Path) -> dict[str, Any]:
    """Settings of what is to be served: that model."""
    serve_nothing_else(registry_uri)
    return {
        "mlflow_tracking_uri": registry_uri,
        "models": {"mine": examined},
        "default_model": "mine",
        "model_topics": {},
        "model_manifests": manifests,
    }


@pytest.fixture
def elsewhere(broker: str, kept_redis: str, models: dict[str, Any], tmp_path: Path) -> Settings:
    """Settings of the system, before anything of it is made on the broker."""
    own = {
        "api_port": free_port(),
        "worker_web_port": free_port(),
        "partitions": 2,
        "reply_partitions": 2,
    }
    return unique_settings(broker, kept_redis, tmp_path).model_copy(update=models | own)


@pytest.fixture
async def system(elsewhere: Settings) -> Settings:
    """Settings of a system that is well: a worker has said that it lives, and nothing waits."""
    await make_topics(elsewhere)
    await speak(elsewhere)
    return elsewhere


@pytest.fixture(scope="session")
def stranger(runner: asyncio.Runner, processes: Processes) -> str:
    """URL of a web server that is none of ours."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    argv = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    runner.run(processes.run(Program("stranger", argv, listening(port))))
    return url
