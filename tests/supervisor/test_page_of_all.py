"""The page that answers for all worker processes, with pages of processes that say different things."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from exposed import OPEN_METRICS, read
from prometheus_client import generate_latest

from streamapp.contracts.errors import SettingsError
from streamapp.embedded.processes import free_port
from streamapp.metrics import worker
from streamapp.metrics.exposition import page
from streamapp.supervisor.page import Page, merged

HERE = "127.0.0.1"
ROWS = """\
# HELP rows_total Rows predicted.
# TYPE rows_total counter
rows_total{model="svm"} %s
# HELP seconds Calls.
# TYPE seconds summary
seconds_count{model="svm"} 2.0
seconds_sum{model="svm"} 0.5
"""


@contextlib.asynccontextmanager
async def process(socket: Path, live: int, ready: int) -> AsyncIterator[None]:
    """The page of a process that answers with these statuses."""
    app = web.Application()
    app.router.add_get("/livez", _answers(live))
    app.router.add_get("/readyz", _answers(ready))
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


def _answers(status: int) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"status": f"is {status}"}, status=status)

    return answer


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(text=ROWS % 200)


async def get(port: int, path: str, host: str = HERE) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://{host}:{port}{path}")


@pytest.mark.parametrize(("other", "status", "word"), [(200, 200, "alive"), (503, 503, "hung")])
async def test_all_live_where_each_process_does(tmp_path: Path, other: int, status: int, word: str) -> None:
    sockets = {"worker-1": tmp_path / "1", "worker-2": tmp_path / "2"}
    async with (
        process(tmp_path / "1", 200, 503),
        process(tmp_path / "2", other, 200),
        Page(sockets).served(HERE, free_port()) as port,
    ):
        live, ready = await get(port, "/livez"), await get(port, "/readyz")
    said = {"worker-1": {"status": "is 200"}, "worker-2": {"status": f"is {other}"}}
    assert (live.status_code, live.json()) == (status, {"status": word, "processes": said})
    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")


async def test_a_process_that_does_not_answer_is_neither_alive_nor_ready_and_has_no_metrics(tmp_path: Path) -> None:
    sockets = {"worker-1": tmp_path / "1", "worker-2": tmp_path / "2"}
    async with process(tmp_path / "1", 200, 200), Page(sockets).served(HERE, free_port()) as port:
        live, metrics = await get(port, "/livez"), await get(port, "/metrics")
    assert (live.status_code, live.json()["processes"]["worker-2"]) == (503, {"status": "no_answer"})
    assert 'rows_total{model="svm",process="worker-1"} 200.0' in metrics.text
    assert read(metrics).by("streamapp_process_up", "process") == {"worker-1": 1, "worker-2": 0}
    assert metrics.text.count("worker-2") == 1


async def test_it_is_served_on_its_address_and_no_other() -> None:
    async with Page({}).served("127.0.0.2", free_port()) as port:
        assert (await get(port, "/livez", "127.0.0.2")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await get(port, "/livez")


async def test_an_address_of_another_machine_is_told_with_its_setting() -> None:
    with pytest.raises(SettingsError, match="STREAMAPP_WORKER_WEB_HOST"):
        async with Page({}).served("192.0.2.1", free_port()):
            pass


async def test_where_the_port_is_taken_another_is_served(tmp_path: Path) -> None:
    async with Page({}).served(HERE, free_port()) as first, Page({}).served(HERE, first) as second:
        assert first != second
        assert (await get(second, "/livez")).status_code == 200


def test_metrics_of_all_are_one_page_with_each_family_once() -> None:
    lines = generate_latest(merged({"worker-1": ROWS % 5, "worker-2": ROWS % 7})).decode().splitlines()
    assert lines == [
        "# HELP rows_total Rows predicted.",
        "# TYPE rows_total counter",
        'rows_total{model="svm",process="worker-1"} 5.0',
        'rows_total{model="svm",process="worker-2"} 7.0',
        "# HELP seconds Calls.",
        "# TYPE seconds summary",
        'seconds_count{model="svm",process="worker-1"} 2.0',
        'seconds_sum{model="svm",process="worker-1"} 0.5',
        'seconds_count{model="svm",process="worker-2"} 2.0',
        'seconds_sum{model="svm",process="worker-2"} 0.5',
    ]


def test_the_pages_of_two_workers_are_one_page_of_openmetrics() -> None:
    worker.predicted("svm", [], 1, now=0.0)
    own, _ = page(worker.PART.registry, "text/plain")
    both, content_type = page(merged({"worker-1": own.decode(), "worker-2": own.decode()}), OPEN_METRICS)
    answer = httpx.Response(200, headers={"Content-Type": content_type}, content=both)
    assert read(answer).by("streamapp_records_total", "process").keys() == {"worker-1", "worker-2"}
