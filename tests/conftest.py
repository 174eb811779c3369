"""Real servers for the tests: on free ports, most of them started once a run and ended with it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import apache_kafka
import hypothesis
import msgspec
import pytest
from unique import unique_settings

from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port

if TYPE_CHECKING:
    from certificates import Authority
    from secured_kafka import SecuredKafka
    from secured_redis import SecuredRedis

    from models.registry import Registered

pytest.register_assert_rewrite("waiting")

#: The same examples each time, and no deadline: others use the machine as well.
hypothesis.settings.register_profile("streamapp", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("streamapp")

#: Make programs colour their output even where it is no terminal.
_COLOURS = {"CLICOLOR_FORCE", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"}


@pytest.fixture(autouse=True, scope="session")
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, proxy, terminal or `.env` of the person who runs the tests reaches them or their processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(_is_personal, list(os.environ)):
            patch.delenv(name)
        for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100"}.items():
            patch.setenv(name, value)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        patch.setitem(Settings.model_config, "env_file", None)
        yield


def _is_personal(name: str) -> bool:
    setting = name.startswith(("STREAMAPP_", "MLFLOW_", "OTEL_")) and not name.startswith("STREAMAPP_TEST_")
    return setting or name.lower().endswith("_proxy") or name in _COLOURS


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Runs the coroutines of session fixtures; tests have loops of their own."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def processes(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Child processes of the whole run; none outlives it."""
    processes = Processes(tmp_path_factory.mktemp("logs"))
    runner.run(processes.__aenter__())
    yield processes
    runner.run(processes.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def broker(runner: asyncio.Runner, processes: Processes) -> Iterator[str]:
    """Address of the embedded broker, one for each module: with the topics of all tests clients start in seconds."""
    port = free_port()
    program = msgspec.structs.replace(services.broker(port), name=f"broker-{port}")
    child = runner.run(processes.run(program))
    yield f"127.0.0.1:{port}"
    runner.run(processes.stop(child))


@pytest.fixture(scope="session")
def kafka_address(runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a broker with transactions: `STREAMAPP_TEST_KAFKA` where it is given, else Apache Kafka."""
    if given := os.environ.get("STREAMAPP_TEST_KAFKA"):
        return given
    apache_kafka.require()
    kafka = apache_kafka.ApacheKafka(processes, tmp_path_factory.mktemp("kafka"))
    runner.run(kafka.start())
    return kafka.address


@pytest.fixture(scope="session")
def needs_kafka() -> None:
    """For tests that run an Apache Kafka of their own."""
    apache_kafka.require()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> "Authority":
    """Authority that the secured servers have their certificates from."""
    from certificates import Authority

    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def secured_kafka(
    runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory, authority: "Authority"
) -> "SecuredKafka":
    """Apache Kafka with a user for each role, who may do what docs/security.md says."""
    from secured_kafka import SecuredKafka, passwords

    apache_kafka.require()
    kafka = SecuredKafka(processes, tmp_path_factory.mktemp("secured-kafka"), authority, passwords())
    runner.run(kafka.start())
    runner.run(kafka.grant())
    return kafka


@pytest.fixture(scope="session")
def secured_redis(
    runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory, authority: "Authority"
) -> "SecuredRedis":
    """Valkey behind TLS with the users of docs/security.md."""
    from secured_redis import SecuredRedis, passwords

    redis = SecuredRedis(processes, tmp_path_factory.mktemp("secured-redis"), authority, passwords())
    runner.run(redis.start())
    return redis


@pytest.fixture(scope="session")
def redis_url(runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of a Valkey server."""
    port = free_port()
    runner.run(processes.run(services.valkey(port, tmp_path_factory.mktemp("valkey"))))
    return f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def registry_uri(runner: asyncio.Runner, processes: Processes, tmp_path_factory: pytest.TempPathFactory) -> str:
    """URL of an MLflow server with an empty registry."""
    port = free_port()
    runner.run(processes.run(services.mlflow(port, tmp_path_factory.mktemp("mlflow"))))
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def marketplace(registry_uri: str) -> "Registered":
    """AutoGluon_Marketplace in the registry, trained on few rows."""
    from models.marketplace.train import train

    return train(tracking_uri=registry_uri, rows=3000)[0]


@pytest.fixture
def settings(broker: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings with topics, streams, keys and files that no other test uses, on the embedded broker."""
    return unique_settings(broker, redis_url, tmp_path)


@pytest.fixture
def kafka_settings(kafka_address: str, redis_url: str, tmp_path: Path) -> Settings:
    """The same on a broker with transactions."""
    return unique_settings(kafka_address, redis_url, tmp_path)


@pytest.fixture(scope="session")
def employees_csv() -> Path:
    """The real employee data, which is not part of the project."""
    beside = Path(__file__).parents[2] / "shared/data/enriched_employee_dataset.csv"
    path = Path(os.environ.get("STREAMAPP_TEST_EMPLOYEES_CSV", beside))
    if not path.is_file():
        pytest.skip(f"{path} is not there; STREAMAPP_TEST_EMPLOYEES_CSV says where the employee data is")
    return path
