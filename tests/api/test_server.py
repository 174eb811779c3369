"""The edge as a process."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from edge_support import HANDBOOK, card, put_cards, records
from waiting import eventually

from api.server import serve
from streamapp.contracts.errors import ProcessFailed
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child, Processes, Program, answering, free_port, listening


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Processes]:
    """Processes of one test."""
    async with Processes(tmp_path / "logs") as processes:
        yield processes


async def start(processes: Processes, settings: Settings, port: int, *arguments: str) -> tuple[Child, str]:
    env = {
        "STREAMAPP_GROUP": settings.group,
        "STREAMAPP_REPLIES_TOPIC": settings.replies_topic,
        "STREAMAPP_SHUTDOWN_TIMEOUT": str(settings.shutdown_timeout),
        "STREAMAPP_BROKER": settings.broker,
        "STREAMAPP_API_PORT": str(port),
        "STREAMAPP_INPUT_TOPIC": settings.input_topic,
        "STREAMAPP_MODELS_TOPIC": settings.models_topic,
    }
    url = f"http://127.0.0.1:{port}"
    program = Program("edge", (sys.executable, "-m", "api", *arguments), answering(f"{url}/readyz"), env=env)
    return await processes.run(program), url


async def test_requests_under_way_are_answered_before_the_process_ends(own: Processes, settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    child, url = await start(own, settings, free_port())
    body = b'{"data": [{"Designation": 1}]}'
    arrived = asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        yield body[:5]
        child.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(arrived.wait(), 5)
        yield body[5:]

    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.post("/predict_stream", json=HANDBOOK)).status_code == 202
        headers = {"content-type": "application/json"}
        request = asyncio.create_task(client.post("/predict_stream", content=slow_body(), headers=headers))
        accepts = listening(int(url.rpartition(":")[2]))
        while await accepts():
            await asyncio.sleep(0.02)
        arrived.set()
        assert (await request).status_code == 202
    assert await child.wait(5) == -signal.SIGTERM
    assert "Traceback" not in child.log.read_text()
    assert "POST" not in child.log.read_text()  # no access log


async def test_who_waits_for_a_prediction_gets_an_answer_before_the_process_ends(
    own: Processes, settings: Settings
) -> None:
    settings = settings.model_copy(update={"shutdown_timeout": 2.0})
    await put_cards(settings, card("svm"))
    child, url = await start(own, settings, free_port())
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        await eventually(lambda: reads_replies(client), "replies to be read")
        waiting = asyncio.create_task(client.post("/predict", json=HANDBOOK, headers={"Prefer": "wait=60"}))
        await records(settings, 1)
        child.process.send_signal(signal.SIGTERM)
        problem = (await waiting).json()
        assert (problem["code"], problem["location"]) == ("deadline", f"/predictions/{problem['id']}")
    assert await child.wait(5) == -signal.SIGTERM
    assert "Traceback" not in child.log.read_text()


async def test_a_connection_that_its_client_still_keeps_is_not_closed(own: Processes, settings: Settings) -> None:
    """A request that crosses with the close of its connection would end in a reset: httpx keeps one for 5 s."""
    await put_cards(settings, card("svm"))
    _, url = await start(own, settings, free_port())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(6):
            await reader.read()
    writer.close()
    await writer.wait_closed()


async def reads_replies(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/readyz")).json()["checks"]["replies"]["ok"])


async def test_one_process_listens_on_two_ports(own: Processes, settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    port, also = free_port(), free_port()
    child, _ = await start(own, settings, port, "--also-port", str(also))
    async with httpx.AsyncClient(trust_env=False) as client:
        for each in (port, also):
            answer = await client.post(f"http://127.0.0.1:{each}/predict_stream", json=HANDBOOK)
            assert answer.status_code == 202
    assert f"http://127.0.0.1:{port} and http://127.0.0.1:{also} " in child.log.read_text()


def test_a_second_port_that_is_taken_is_named_with_what_changes_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"api_port": free_port(), "api_also_port": taken.getsockname()[1]}
        with pytest.raises(ProcessFailed, match=rf":{ports['api_also_port']} .* STREAMAPP_API_ALSO_PORT"):
            serve(settings.model_copy(update=ports))


def test_a_taken_port_is_named_with_what_changes_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ProcessFailed, match=r"STREAMAPP_API_PORT .* or STREAMAPP_API_HOST"):
            serve(settings.model_copy(update={"api_port": port}))
        result = subprocess.run([sys.executable, "-m", "api", "--port", str(port)], capture_output=True, check=False)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr.decode()
    assert b"Traceback" not in result.stderr


def test_the_edge_imports_no_machine_learning_library() -> None:
    heavy = {"faust", "mlflow", "pandas", "numpy", "scipy", "sklearn", "lightgbm", "autogluon"}
    code = f"import sys, api.server, api.__main__; print(*({heavy} & sys.modules.keys()))"
    assert subprocess.check_output([sys.executable, "-c", code]).split() == []
