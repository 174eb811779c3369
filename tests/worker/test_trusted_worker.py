"""A real worker loads nothing that nobody has vouched for, says so, and serves it once somebody has."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pytest
import teams
from tampering import Store
from typer.testing import CliRunner
from unique import environment
from waiting import eventually
from worker_support import Stack

from streamapp.cli import app
from streamapp.contracts import codec
from streamapp.contracts.status import Refused
from streamapp.embedded.processes import free_port


@pytest.fixture
def own(stack: Stack, registry_uri: str, tmp_path: Path) -> Stack:
    """A model of this test and a folder of manifests, empty."""
    name = f"Trusted_{stack.settings.group}"
    teams.register(registry_uri, name)
    changed = {"models": {"large": name}, "model_manifests": tmp_path / "manifests", "registry_interval": 0.1}
    stack.settings = stack.settings.model_copy(update=changed)
    return stack


@pytest.fixture
def store(own: Stack, registry_uri: str, tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(registry_uri, own.settings.models["large"], "1", tmp_path / "store")


class Ready:
    """What `/readyz` of a worker says."""

    def __init__(self, stack: Stack) -> None:
        self._port = free_port()
        self.worker = stack.worker(STREAMAPP_WORKER_WEB_PORT=str(self._port))

    async def __call__(self) -> tuple[int, str]:
        """Return the status, and what is said of models."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                response = await client.get(f"http://127.0.0.1:{self._port}/readyz")
        except httpx.TransportError:
            return 0, ""
        return response.status_code, response.json()["checks"]["models"]["detail"]

    async def says(self, text: str) -> bool:
        return text in (await self())[1]


async def cli(stack: Stack, *arguments: str) -> Any:
    """Run `streamapp models ARGUMENTS`."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["models", *arguments], env=environment(stack.settings))
    mlflow.set_tracking_uri(None)
    return result


async def refused(stack: Stack) -> list[Refused]:
    """Return what the worker says on the status topic that it refuses."""
    one = Stack(stack.settings.model_copy(update={"partitions": 1}), stack._processes)
    records = await one.read(stack.settings.status_topic, bool)
    return list(codec.decode_status([record.value for record in records if record.value][-1]).refused)


@pytest.mark.bad_input(19)
async def test_a_model_with_planted_code_is_refused_and_the_code_does_not_run(
    own: Stack, store: Store, tmp_path: Path
) -> None:
    assert (await cli(own, "trust", "large")).exit_code == 0
    marker = tmp_path / "ran"
    store.plant(marker)
    ready = Ready(own)
    await eventually(lambda: ready.says("its files differ from its manifest; changed: 'MLmodel'"), timeout=60)
    assert (await ready())[0] == 503
    name = own.settings.models["large"]
    await eventually(lambda: refusals(own), expected=[("large", name, "1")])
    assert "Model large: " in ready.worker.log.read_text()
    assert not marker.exists()


async def refusals(stack: Stack) -> list[tuple[str, str, str]]:
    return [(one.alias, one.registered_name, one.version) for one in await refused(stack)]


@pytest.mark.bad_input(18)
@pytest.mark.bad_input(19)
async def test_a_model_that_nobody_has_vouched_for_is_served_within_seconds_after_somebody_has(own: Stack) -> None:
    ready = Ready(own)
    await eventually(lambda: ready.says("nobody has vouched for its files"), timeout=60)
    assert (await ready())[0] == 503
    assert (await cli(own, "trust", own.settings.models["large"], "1")).exit_code == 0
    await eventually(ready, expected=(200, "large"))
    await eventually(lambda: refused(own), expected=[])
    await own.ask(1)
    assert len(await own.predictions(1)) == 1
    await nobody_is_called(own)


async def nobody_is_called(stack: Stack) -> None:
    """Put records on the topic that name the address of a model."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        for address in (f"http://127.0.0.1:{listener.getsockname()[1]}/model", "file:///etc", "models:/SVC/1"):
            await stack.put(codec.encode_request(b'[{"Team_Size": 15}]', None, address))
        letters = await stack.read(stack.settings.dead_letters_topic, lambda found: len(found) == 3)
        assert [dict(letter.headers)["dl_code"] for letter in letters] == [b"unknown_model"] * 3
        with pytest.raises(BlockingIOError):
            listener.accept()
