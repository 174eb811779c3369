"""MLflow's own credentials reach a registry that asks for them, and no error of ours repeats them."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import mlflow
import pytest
from aiohttp import encode_basic_auth, web

from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable, StreamappError
from streamapp.runtimes.registry import ModelVersion, Registry, Wanted

PASSWORD = "geheim-4711"  # noqa: S105  # made up


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    """A registry's address, which has a password here, stays with MLflow and in the environment."""
    yield
    mlflow.set_tracking_uri(None)


@asynccontextmanager
async def guarded(expected: str) -> AsyncIterator[str]:
    """Serve a registry without models to who shows this `Authorization`."""

    async def search(request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == expected
        return web.json_response({"registered_models": []}) if known else web.Response(status=401, text="Who is it?")

    app = web.Application()
    app.router.add_get("/api/2.0/mlflow/registered-models/search", search)
    async with served(app) as address:
        yield address


@asynccontextmanager
async def answering(status: int) -> AsyncIterator[str]:
    """Serve a registry that answers all with one status."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No."}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with served(app) as address:
        yield address


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def wanted(uri: str) -> object:
    return await asyncio.to_thread(Registry(uri, "champion").wanted, {"svm": "SVC"})


async def test_a_user_and_a_password_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "worker")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    async with guarded(encode_basic_auth("worker", PASSWORD)) as address:
        assert await wanted(f"http://{address}") == {}


async def test_a_token_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", PASSWORD)
    async with guarded(f"Bearer {PASSWORD}") as address:
        assert await wanted(f"http://{address}") == {}


async def test_a_registry_that_lets_nobody_in_is_an_error_without_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "worker")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    async with guarded("nobody") as address:
        with pytest.raises(RegistryUnavailable, match="401") as caught:
            await wanted(f"http://worker:{PASSWORD}@{address}")
    assert PASSWORD not in str(caught.value) + repr(caught.value.__cause__)


def looks_up(registry: Registry) -> object:
    return registry.version(Wanted("SVC", "1"))


def downloads(registry: Registry) -> object:
    return registry.download(ModelVersion("SVC", "1", "run"), Path())


@pytest.mark.parametrize(
    ("ask", "status", "error"),
    [
        (looks_up, 500, RegistryUnavailable),
        (looks_up, 404, ModelNotFound),
        (downloads, 500, RegistryUnavailable),
        (downloads, 404, ModelLoadError),
    ],
)
async def test_what_a_log_shows_of_a_failure_has_no_password(
    ask: Callable[[Registry], object], status: int, error: type[StreamappError]
) -> None:
    async with answering(status) as address:
        registry = Registry(f"http://worker:{PASSWORD}@{address}", "champion")
        with pytest.raises(error) as caught:
            await asyncio.to_thread(ask, registry)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
