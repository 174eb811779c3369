"""POST /predict from end to end, all parts as processes, and a worker that is killed while requests wait."""

import asyncio
import random
from typing import NamedTuple

import httpx
import pytest
from waiting import eventually
from worker_support import Stack

from streamapp.embedded.processes import free_port

WAITING = 500


class Asked(NamedTuple):
    """A request of one row, and what came back."""

    team: float
    response: httpx.Response

    def is_right(self, body: dict[str, list[int]]) -> bool:
        return body["predictions"] == [int(self.team > 10)]


@pytest.fixture
async def edge(kafka_stack: Stack) -> httpx.AsyncClient:
    """A client of an edge, whose broker, sinks and worker are this test's."""
    port = free_port()
    kafka_stack.settings = kafka_stack.settings.model_copy(update={"api_port": port, "predict_deadline": 3.0})
    kafka_stack.worker("streamapp", "api")
    kafka_stack.worker("streamapp", "sinks")
    limits = httpx.Limits(max_connections=WAITING)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=30, trust_env=False)


async def ask(client: httpx.AsyncClient, team: float) -> Asked:
    return Asked(team, await client.post("/predict", json={"data": [{"Team_Size": team}]}))


async def serves(client: httpx.AsyncClient) -> bool:
    try:
        return (await ask(client, 15)).response.status_code == 200
    except httpx.TransportError:
        return False


async def found(client: httpx.AsyncClient, asked: Asked) -> bool:
    """Whether the prediction of a request that got no answer in time is where the answer said, and right."""
    later = await client.get(asked.response.headers["location"])
    return later.status_code == 200 and asked.is_right(later.json())


async def test_when_the_worker_is_killed_each_request_ends_with_its_right_prediction_or_finds_it_later(
    kafka_stack: Stack, edge: httpx.AsyncClient
) -> None:
    worker = kafka_stack.worker()
    draw = random.Random(7)  # noqa: S311  # no secret
    async with edge:
        await eventually(lambda: serves(edge), "the first answer", timeout=60)
        asking = [asyncio.create_task(ask(edge, draw.choice([2, 5, 15, 18]))) for _ in range(WAITING)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        kafka_stack.kill(worker)
        kafka_stack.worker()
        ended = await asyncio.gather(*asking)
        answered = [asked for asked in ended if asked.response.status_code == 200]
        late = [asked for asked in ended if asked.response.status_code == 504]
        assert len(answered) + len(late) == WAITING
        assert all(asked.is_right(asked.response.json()) for asked in answered)
        assert late, "killed while requests were waiting"
        for asked in late:
            assert asked.response.json()["id"] in asked.response.headers["location"]
            await eventually(lambda asked=asked: found(edge, asked), "the prediction of a late one", timeout=60)
