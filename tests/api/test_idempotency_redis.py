"""`Idempotency-Key` where Redis is away, or has lost what it knew."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import httpx
from edge_support import HANDBOOK, pause
from idempotency_support import (
    IN_FLIGHT,
    PREDICT,
    accepted_keys,
    entries,
    key,
    on_topics,
    ready_edge,
    replies,
    send,
)
from keys_support import code
from replies_support import answering
from waiting import eventually

from api.idempotency.reservations import Reservation, Reservations
from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


async def test_a_redis_that_is_killed_makes_no_promise_and_stops_nobody_else(
    own: Processes, settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    redis = await own.run(services.valkey(port, tmp_path))
    url = type(settings.redis_url)(f"redis://127.0.0.1:{port}/0")
    async with ready_edge(settings.model_copy(update={"redis_url": url})) as client:
        assert (await send(client)).status_code == 202
        redis.process.send_signal(signal.SIGKILL)
        await eventually(lambda: status(client), "the edge to notice", expected=(503, "redis_unavailable"))
        assert (await client.post("/predict_stream", json=HANDBOOK)).status_code == 202, "without the header"
    assert len(await on_topics(settings)) == 2


async def status(client: httpx.AsyncClient) -> tuple[int, str]:
    return code(await client.post("/predict_stream", json=HANDBOOK, headers=key("another")))


async def test_a_redis_that_hangs_is_not_waited_for(own: Processes, settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    redis = await own.run(services.valkey(port, tmp_path))
    url = type(settings.redis_url)(f"redis://127.0.0.1:{port}/0")
    async with ready_edge(settings.model_copy(update={"redis_url": url})) as client:
        await pause(redis)
        try:
            answer = await send(client)
        finally:
            redis.process.send_signal(signal.SIGCONT)
    assert code(answer) == (503, "redis_unavailable")


async def test_a_key_is_forgotten_after_its_time(settings: Settings) -> None:
    async with ready_edge(settings.model_copy(update={"idempotency_ttl": 1})) as client:
        first = await send(client)

        async def again() -> bool:
            answer = (await send(client)).json()
            assert answer["id"] == first.json()["id"], "the same request has the same id for ever"
            return bool(answer != first.json())

        await eventually(again, "the key to expire", timeout=10)


async def test_a_reservation_that_redis_lost_is_known_to_the_edge_that_waits(settings: Settings) -> None:
    async with ready_edge(settings) as client, answering(settings) as worker, connect(settings) as redis:
        await eventually(lambda: replies(client), "the edge to read replies")
        worker.answering.clear()
        first = asyncio.create_task(send(client, PREDICT))
        await eventually(lambda: accepted_keys(settings), "the edge to know the record", expected=1)
        await redis.delete(*await entries(settings))
        assert code(await send(client, PREDICT)) == IN_FLIGHT
        worker.answering.set()
        assert (await first).status_code == 200
    assert len(await on_topics(settings)) == 1


async def test_one_that_lost_its_reservation_takes_nobody_elses(settings: Settings) -> None:
    async with Reservations(settings) as store, connect(settings) as redis:
        first = await store.reserve("", "key", b"x")
        await redis.delete(f"{settings.redis_prefix}idempotency::key")
        second = await store.reserve("", "key", b"x")
        assert isinstance(first, Reservation)
        assert isinstance(second, Reservation)
        await first.give_up()
        assert not isinstance(await store.reserve("", "key", b"x"), Reservation), "it is the second's"
        await second.give_up()
        assert isinstance(await store.reserve("", "key", b"x"), Reservation)


async def test_an_edge_that_dies_before_the_broker_has_the_record_leaves_its_id_to_the_next(
    settings: Settings,
) -> None:
    """The reservation of one that died expires; here it is taken away, which is the same."""
    async with ready_edge(settings) as client, connect(settings) as redis:
        first = await send(client)
        await redis.delete(*await entries(settings))
        second = await send(client)
    assert second.json()["id"] == first.json()["id"]
    assert Counter(await on_topics(settings)) == {first.json()["id"]: 2}, "consumers can tell, by the id"
