"""What a scoring worker says of its health: alive and ready, while it starts, waits, hangs, and loses its broker."""

import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from exposed import scrape
from faust.types import TP
from waiting import eventually
from worker_support import Stack, request

from streamapp.agents.health import Watch
from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port
from streamapp.transport import Progress

A, B = TP("t", 0), TP("t", 1)


class Page:
    """The page of a worker that is started with `env`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = free_port()
        self.env = {"STREAMAPP_WORKER_WEB_HOST": host, "STREAMAPP_WORKER_WEB_PORT": str(self.port)}

    async def get(self, path: str) -> tuple[int, dict[str, object]]:
        """Return status and body; 0 where nothing answers."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                response = await client.get(f"http://{self.host}:{self.port}{path}")
        except httpx.TransportError:
            return 0, {}
        return response.status_code, response.json()

    async def status(self) -> tuple[int, int]:
        """Return the statuses of `/livez` and `/readyz`."""
        return (await self.get("/livez"))[0], (await self.get("/readyz"))[0]


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Processes]:
    async with Processes(tmp_path / "logs") as processes:
        yield processes


async def test_a_worker_that_waits_for_its_registry_is_alive_and_not_ready(stack: Stack) -> None:
    page = Page("127.0.0.2")
    worker = stack.worker(MLFLOW_TRACKING_URI="http://127.0.0.1:1", **page.env)
    await eventually(page.status, expected=(200, 503), timeout=60)
    await eventually(lambda: checks(page), expected={"broker": True, "models": False})
    assert await page.get("/livez") == (200, {"status": "alive"})
    worker.process.terminate()
    assert await worker.wait(20) == 0


async def test_records_that_wait_behind_a_scoring_thread_that_hangs_are_a_failure(
    stack: Stack, tmp_path: Path
) -> None:
    page, hang = Page(), tmp_path / "hang"
    hang.touch()
    env = {"HANG": str(hang), "PYTHONPATH": str(Path(__file__).parent), "STREAMAPP_LIVENESS_TIMEOUT": "2"}
    stack.worker("hanging_worker", **env, **page.env)
    await eventually(page.status, expected=(200, 200), timeout=60)
    await stack.put(b"{}")
    await eventually(page.status, expected=(503, 200))
    status, body = await page.get("/livez")
    assert (status, body["status"]) == (503, "hung")
    assert f"{stack.settings.input_topic}-0 (" in str(body["detail"])
    metrics = await scrape(f"http://{page.host}:{page.port}/metrics")
    standing = metrics.by("streamapp_partition_standing_seconds", "partition")
    assert standing.pop("0") >= 2
    assert set(standing.values()) == {0}
    hang.unlink()
    await eventually(page.status, expected=(200, 200))


async def test_a_broker_that_hangs_makes_a_worker_unready_and_no_failure_of_it(own: Processes, stack: Stack) -> None:
    port = free_port()
    broker = await own.run(services.broker(port))
    stack = Stack(stack.settings.model_copy(update={"broker": f"127.0.0.1:{port}"}), own)
    await kafka.ensure_topics(stack.settings, topics(stack.settings), "test")
    page = Page()
    stack.worker(STREAMAPP_LIVENESS_TIMEOUT="1", **page.env)
    await eventually(page.status, expected=(200, 200), timeout=60)
    broker.process.send_signal(signal.SIGSTOP)
    try:
        await eventually(page.status, expected=(200, 503))
        assert await checks(page) == {"broker": False, "models": True}
    finally:
        broker.process.send_signal(signal.SIGCONT)
    await eventually(page.status, expected=(200, 200))


async def test_markers_and_open_transactions_behind_the_last_record_are_no_records_that_wait(
    own: Processes, stack: Stack, kafka_settings: Settings
) -> None:
    names = {"mlflow_tracking_uri", "models", "default_model"}
    settings = kafka_settings.model_copy(update=stack.settings.model_dump(include=names))
    stack = Stack(settings, own)
    await kafka.ensure_topics(settings, topics(settings), "test")
    topic, page = settings.input_topic, Page()
    async with (
        kafka.producer(settings, "test", transactional_id=f"{topic}-ended") as ended,
        kafka.producer(settings, "test", transactional_id=f"{topic}-open") as open_,
    ):
        async with ended.transaction():
            await ended.send_and_wait(topic, request(0, 15), partition=0)
        await ended.begin_transaction()
        await ended.send_and_wait(topic, request(1, 15), partition=1)
        await ended.abort_transaction()
        await open_.begin_transaction()
        await open_.send_and_wait(topic, request(2, 15), partition=2)
        stack.worker(STREAMAPP_LIVENESS_TIMEOUT="1", **page.env)
        await eventually(lambda: read_to_its_end(stack), timeout=60)
        window = time.monotonic() + 3
        while time.monotonic() < window:
            assert await page.status() == (200, 200)
        await open_.abort_transaction()


async def read_to_its_end(stack: Stack) -> bool:
    return await stack.committed() > 0


async def checks(page: Page) -> dict[str, bool]:
    _, body = await page.get("/readyz")
    found = body.get("checks", {})
    assert isinstance(found, dict)
    return {name: check["ok"] for name, check in found.items()}


def watched(*looks: dict[TP, Progress]) -> dict[TP, float]:
    watch = Watch()
    for seen in looks:
        watch.look(seen, 1.0)
    return watch.standing(2.0)


@pytest.mark.parametrize(
    ("looks", "standing"),
    [
        ([{A: Progress(waiting=True, settled=5)}] * 2, {}),
        ([{A: Progress(waiting=True, settled=5)}] * 3, {A: 2.0}),
        ([{A: Progress(waiting=True, settled=None)}] * 3, {A: 2.0}),
        ([{A: Progress(waiting=False, settled=5)}] * 9, {}),
        ([{A: Progress(waiting=True, settled=number)} for number in range(9)], {}),
        ([{A: Progress(waiting=True, settled=5), B: Progress(waiting=True, settled=n)} for n in range(4)], {A: 3.0}),
        ([{A: Progress(waiting=True, settled=5)}, {A: Progress(waiting=True, settled=5)}, {}] * 3, {}),
    ],
    ids=["briefly", "standing", "from the start", "idle", "flowing", "one of two", "lost, or the broker away"],
)
def test_a_partition_stands_still_where_records_wait_and_none_is_finished(
    looks: list[dict[TP, Progress]], standing: dict[TP, float]
) -> None:
    assert watched(*looks) == standing
