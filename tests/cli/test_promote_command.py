"""`streamapp promote` against a real registry and what workers say."""

import asyncio
import uuid
from collections.abc import Callable

import pytest
from cli_support import put, refused, run, say, serving, status
from click.testing import Result
from mlflow import MlflowClient
from waiting import eventually

from streamapp.cli import promote
from streamapp.clients.said import statuses
from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import ALIAS_TAG, WorkerStatus
from streamapp.embedded.processes import free_port


@pytest.fixture(scope="module")
def client(registry_uri: str) -> MlflowClient:
    return MlflowClient(registry_uri, registry_uri)


@pytest.fixture
def name(client: MlflowClient) -> str:
    """A registered model with three versions that no test else uses."""
    name = f"Promoted_{uuid.uuid4().hex[:8]}"
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, "s3://bucket/model")
    return name


@pytest.fixture
def own(settings: Settings, registry_uri: str, name: str) -> Settings:
    """Settings under which requests call that model `mine`."""
    return settings.model_copy(
        update={"mlflow_tracking_uri": registry_uri, "models": {"mine": name}, "default_model": "mine"}
    )


@pytest.fixture
def champion(client: MlflowClient, name: str) -> Callable[[], str]:
    return lambda: str(client.get_registered_model(name).aliases.get("champion"))


async def test_it_says_what_was_and_what_is(own: Settings, name: str, champion: Callable[[], str]) -> None:
    first = await run(own, "promote", name, "2", "--no-wait")
    assert (first.exit_code, first.stdout) == (0, f"{name}: champion was not set, is version 2.\n")
    by_alias = await run(own, "promote", "mine", "1", "--no-wait")
    assert by_alias.stdout == f"{name}: champion was version 2, is version 1.\n"
    assert champion() == "1"


async def test_a_model_that_nothing_names_is_told_how_it_would_be_served(
    own: Settings, name: str, client: MlflowClient
) -> None:
    other = own.model_copy(update={"models": {"svm": "SVC"}, "default_model": "svm"})
    assert "No alias names this model" in (await run(other, "promote", name, "1")).stdout
    client.set_registered_model_tag(name, ALIAS_TAG, name.lower())
    tagged = await run(other, "promote", name.lower(), "3")
    assert "was version 1, is version 3" in tagged.stdout
    assert "No worker lives: the next one that starts serves it." in tagged.stdout


async def test_what_the_registry_does_not_have_is_refused_with_what_it_has(
    own: Settings, name: str, client: MlflowClient
) -> None:
    for arguments, hint in {
        (name[:-1], "1"): f"no model '{name[:-1]}'; the nearest is '{name}'",
        ("mina", "1"): "no model 'mina'; the nearest is 'mine'",
        ("mine", "9"): f"{name} has no version '9'; it has 3, 2, 1.",
        ("mine", "newest"): f"{name} has no version 'newest'; it has 3, 2, 1.",
    }.items():
        result = await run(own, "promote", *arguments, "--no-wait")
        assert isinstance(result.exception, ModelNotFound)
        assert hint in str(result.exception)
    assert client.get_registered_model(name).aliases == {}


async def test_a_registry_that_is_away_is_named(own: Settings) -> None:
    away = own.model_copy(update={"mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}"})
    result = await run(away, "promote", "mine", "1", "--no-wait")
    assert isinstance(result.exception, RegistryUnavailable)
    assert "MLFLOW_TRACKING_URI" in str(result.exception)


async def promoting(own: Settings, champion: Callable[[], str], before: WorkerStatus, *after: WorkerStatus) -> Result:
    """Promote version 2 beside a worker that serves it already; let workers say more once the alias has moved."""
    await say(own, status("idle", serving("mine", "2", registered_name=own.models["mine"])), before)
    running = asyncio.create_task(run(own, "promote", "mine", "2"))
    await eventually(champion, expected="2")
    await say(own, *after)
    return await running


async def test_it_waits_until_every_living_worker_serves_the_version(
    own: Settings, name: str, champion: Callable[[], str]
) -> None:
    old = status("a", serving("mine", "1", registered_name=name), refused("mine", "2", registered_name=name))
    new = serving("mine", "2", registered_name=name)
    result = await promoting(own, champion, old, status("a", new), status("idle", new))
    assert result.exit_code == 0
    assert result.stdout.endswith("mine: served by 2 workers.\n")


async def test_a_refusal_is_its_reason_and_an_error(own: Settings, name: str, champion: Callable[[], str]) -> None:
    old = serving("mine", "1", registered_name=name)
    bad = refused("mine", "2", "Its example does not predict.", registered_name=name)
    result = await promoting(own, champion, status("a", old), status("a", old, bad))
    assert result.exit_code == 1
    assert isinstance(result.exception, ModelLoadError)
    assert str(result.exception) == f"a refuses {name} 2: Its example does not predict."


async def test_a_worker_that_does_not_change_over_in_time_is_named(
    own: Settings, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promote, "_PATIENCE", 1.0)
    await say(own, status("gone"), status("slow", serving("mine", "1", registered_name=name)))
    await put(own, own.status_topic, ("gone", None))
    result = await run(own, "promote", "mine", "2")
    assert isinstance(result.exception, ModelLoadError)
    assert str(result.exception) == f"{name} 2 is not served by slow after 1 s."
    assert set(await statuses(own)) == {"slow"}
