"""What the doctor asks over HTTP: by which way, with which credentials, and that it tells none of them."""

import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from certificates import Authority
from typer.testing import CliRunner

from streamapp.cli import app
from streamapp.contracts.settings import load_settings
from streamapp.doctor import edge, mlflow
from streamapp.doctor.findings import Fault
from streamapp.doctor.report import Result
from streamapp.doctor.run import run
from streamapp.doctor.visit import Check, Looks, Visit
from streamapp.embedded.processes import free_port

Answer = Callable[[web.Request], web.Response]


@asynccontextmanager
async def serving(answer: Answer, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an answer on every path; give the URL of the server."""

    async def answered(request: web.Request) -> web.StreamResponse:
        return answer(request)

    page = web.Application()
    page.router.add_route("*", "/{path:.*}", answered)
    runner = web.AppRunner(page)
    await runner.setup()
    port = port or free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def looked(look: Callable[[Visit], Looks], visit: Visit) -> Result:
    """Return the result of one check."""
    (result,) = (await run([Check("one", look)], visit)).checks
    return result


def faults(result: Result) -> list[Fault]:
    return [one.fault for one in result.findings]


def version(_: web.Request) -> web.Response:
    return web.Response(text="99.0.0")


async def test_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def alive(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive", "checks": {}})

    def hung(_: web.Request) -> web.Response:
        return web.json_response({"status": "hung", "detail": "it waits"}, status=503)

    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    settings = load_settings(api_port=free_port(), worker_web_port=free_port())
    async with serving(alive, settings.api_port) as url, serving(hung, settings.worker_web_port):
        for given in (None, url):
            result = await looked(edge.look, Visit(settings, given))
            assert faults(result) == [Fault.WORKER_HUNG]
            assert result.seen == (f"{url} is ready",)


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        (
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "geheim"},
            f"Basic {base64.b64encode(b'me:geheim').decode()}",
        ),
        ({"MLFLOW_TRACKING_TOKEN": "geheim"}, "Bearer geheim"),
    ],
    ids=["password", "token"],
)
async def test_an_mlflow_that_wants_credentials_is_given_those_that_its_client_has(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guarded(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != wanted:
            return web.Response(status=401, text="Unauthorized")
        if request.path == "/version":  # as a gateway does that has MLflow elsewhere
            return web.Response(status=307, headers={"Location": "/mlflow/version"})
        return version(request)

    async with serving(guarded) as url:
        settings = load_settings(mlflow_tracking_uri=url)
        assert faults(await looked(mlflow.look, Visit(settings))) == [Fault.MLFLOW_REFUSES]
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        result = await looked(mlflow.look, Visit(settings))
    assert (faults(result), result.seen) == ([], (f"{url}: MLflow 99.0.0",))


async def test_an_mlflow_is_trusted_by_what_its_client_trusts(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.issue("doctors-mlflow"))
    async with serving(version, tls=tls) as url:
        visit = Visit(load_settings(mlflow_tracking_uri=url))
        assert faults(await looked(mlflow.look, visit)) == [Fault.MLFLOW_UNREACHABLE]
        for name, value in {
            "REQUESTS_CA_BUNDLE": str(authority.file),
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(authority.file),
            "MLFLOW_TRACKING_INSECURE_TLS": "true",
        }.items():
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                assert faults(await looked(mlflow.look, visit)) == [], name


async def test_a_password_in_the_url_of_the_edge_is_told_nowhere() -> None:
    def stranger(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    def unready(_: web.Request) -> web.Response:
        return web.json_response({"checks": {"lag": {"ok": False, "detail": "much waits"}}}, status=503)

    def ready(_: web.Request) -> web.Response:
        return web.json_response({"checks": {}})

    settings = load_settings(worker_web_port=free_port())
    results = []
    for answer in (stranger, unready, ready):
        async with serving(answer) as url:
            results.append(await looked(edge.look, Visit(settings, url.replace("://", "://me:geheim@"))))
    nobody = f"http://me:geheim@127.0.0.1:{free_port()}"
    results.append(await looked(edge.look, Visit(settings, nobody)))
    assert [faults(one) for one in results] == [
        [Fault.EDGE_UNREACHABLE],
        [Fault.EDGE_NOT_READY],
        [],
        [Fault.EDGE_UNREACHABLE],
    ]
    assert "geheim" not in str(results)
    assert str(results).count("me:****@") == len(results)


@pytest.mark.parametrize("url", ["http://[::1", "http://me:geheim@edge:88000", "http://edge:geheim", "http://", "x"])
def test_a_malformed_url_of_the_edge_is_a_usage_error(url: str) -> None:
    result = CliRunner().invoke(app, ("doctor", "--edge", url))
    assert (result.exit_code, "geheim" in result.output) == (2, False)
