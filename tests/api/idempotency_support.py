"""What the tests of `Idempotency-Key` share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from bulk_support import on_topic
from edge_support import HANDBOOK, card, put_cards, ready, running
from keys_support import code
from waiting import eventually

from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings

PREDICT = "/predict?model=svm"
IN_FLIGHT = (409, "idempotency_key_in_flight")


def key(value: str = "8e03978e-40d5-43dd-bc93-6894a57f9324") -> dict[str, str]:
    return {"Idempotency-Key": value}


async def send(client: httpx.AsyncClient, path: str = "/predict_stream", **headers: str) -> httpx.Response:
    return await client.post(path, json=HANDBOOK, headers=key() | headers)


def equal(answers: list[httpx.Response]) -> httpx.Response:
    """Return the one answer that they all are."""
    [_] = {(answer.status_code, answer.content, answer.headers.get("location")) for answer in answers}
    return answers[0]


async def on_topics(settings: Settings) -> list[str]:
    """Return the ids of all records on the input topic."""
    return [dict(record.headers)["ce_id"].decode() for record in await on_topic(settings, settings.input_topic)]


async def patient(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Send a request until it is answered, as a client does that is told to come again."""
    while code(answer := await send(client, path)) == IN_FLIGHT:
        assert answer.headers["retry-after"] == "1"
        await asyncio.sleep(0.05)
    return answer


@asynccontextmanager
async def ready_edge(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield client


async def replies(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/readyz")).json()["checks"]["replies"]["ok"])


async def entries(settings: Settings) -> dict[str, int]:
    """Return the keys of all entries in Redis, with the seconds until they expire."""
    async with connect(settings) as redis:
        names = [name async for name in redis.scan_iter(f"{settings.redis_prefix}idempotency:*")]
        return {name: await redis.ttl(name) for name in names}


async def accepted_keys(settings: Settings) -> int:
    """Return how many of them are not reservations alone."""
    return sum(seconds > 100 for seconds in (await entries(settings)).values())
