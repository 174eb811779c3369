"""Rate limits: no more than so many requests of a caller, over all edges; each edge by itself while Redis is away."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from bulk_support import NDJSON, body, on_topic, row
from edge_support import HANDBOOK, card, put_cards, ready, running
from keys_support import bearer, code, with_keys
from waiting import eventually

from api.admission.callers import network
from api.admission.limits import Limits
from api.errors import RateLimited
from streamapp.clients.redis import connect
from streamapp.contracts.rates import Rate
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import free_port

LIMITED = (429, "rate_limited")
HUNDRED = Rate(100, 86_400)


@pytest.fixture
def one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """No midnight comes while the test runs: the clock that limits are counted by stands still."""
    now = time.time()
    monkeypatch.setattr("api.admission.limits.time", SimpleNamespace(time=lambda: now, monotonic=time.monotonic))


def at(settings: Settings, rate: str, **fields: object) -> Settings:
    return settings.model_copy(update={"rate_limit": rate, **fields})


def away(settings: Settings) -> Settings:
    nowhere = type(settings.redis_url)(f"redis://127.0.0.1:{free_port()}/0")
    return settings.model_copy(update={"redis_url": nowhere})


@asynccontextmanager
async def edges(settings: Settings, count: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    await put_cards(settings, card("svm"))
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(running(settings)) for _ in range(count)]
        for client in clients:
            await eventually(lambda client=client: ready(client), "the edges to be ready")
        yield clients


async def burst(clients: list[httpx.AsyncClient], each: int, **headers: str) -> Counter[tuple[int, str]]:
    """Send requests to all edges at once; return the answers."""
    sent = (client.get("/models", headers=headers) for client in clients for _ in range(each))
    return Counter(map(code, await asyncio.gather(*sent)))


@pytest.mark.bad_input(22)
@pytest.mark.usefixtures("one_day")
async def test_a_burst_over_the_limit_is_refused_until_the_next_period(settings: Settings) -> None:
    async with edges(at(settings, "20/day"), 1) as [client]:
        answers = await asyncio.gather(*(client.post("/predict_stream", json=HANDBOOK) for _ in range(60)))
        assert Counter(map(code, answers)) == {(202, ""): 20, LIMITED: 40}
        last = await client.get("/models")
        seconds = int(last.headers["retry-after"])
        assert 0 < seconds <= 86_400
        assert last.headers["ratelimit-policy"] == '"requests";q=20;w=86400'
        assert last.headers["ratelimit"] == f'"requests";r=0;t={seconds}'
        assert (await client.get("/livez")).status_code == 200, "what is open has no limit"


async def test_the_next_period_begins_anew(settings: Settings) -> None:
    async with edges(at(settings, "2/second"), 1) as [client]:
        refused = None
        while refused is None:
            answers = await burst([client], 5)
            refused = answers.get(LIMITED)
        await eventually(lambda: burst([client], 1), "the next second", expected={(200, ""): 1})


@pytest.mark.parametrize("limit", [7, 60])
@pytest.mark.usefixtures("one_day")
async def test_edges_hold_a_limit_together(settings: Settings, limit: int) -> None:
    async with edges(at(settings, f"{limit}/day"), 2) as clients:
        assert await burst(clients, limit) == {(200, ""): limit, LIMITED: limit}
        assert await burst(clients, 10) == {LIMITED: 20}


@pytest.mark.usefixtures("one_day")
async def test_most_requests_ask_redis_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0
    usual = Limits._raise

    async def counting(self: Limits, key: str, number: int, seconds: int) -> int:
        nonlocal asked
        asked += 1
        return await usual(self, key, number, seconds)

    monkeypatch.setattr(Limits, "_raise", counting)
    async with Limits(settings) as limits, connect(settings) as redis:
        for _ in range(1000):
            await limits.take("me", Rate(1000, 86_400))
        [counter] = [name async for name in redis.scan_iter(f"{settings.redis_prefix}rate:me:*")]
        assert int(await redis.get(counter) or 0) == 1000
    assert asked < 150
    assert "Redis is away" not in caplog.text


@pytest.mark.usefixtures("one_day")
async def test_while_redis_is_away_each_edge_counts_alone(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with edges(at(away(settings), "10/day"), 2) as clients:
        assert await burst(clients, 20) == {(200, ""): 20, LIMITED: 20}
    assert "this edge counts the requests of callers alone" in caplog.text


@pytest.mark.usefixtures("one_day")
async def test_a_redis_that_comes_back_gives_an_edge_no_second_limit(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Limits._raise

    async def missing(_: Limits, __: str, ___: int, ____: int) -> int:
        raise ConnectionRefusedError

    async with Limits(settings) as limits:
        monkeypatch.setattr(Limits, "_raise", missing)
        monkeypatch.setattr(Limits, "_is_away", True)
        assert await taken(limits, "me", 60) == 60
        monkeypatch.setattr(Limits, "_raise", usual)
        monkeypatch.setattr(Limits, "_is_away", False)
        assert await taken(limits, "me", 100) == 40, "of what is left, and no more"


async def test_a_redis_that_takes_half_a_second_is_not_away(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with Limits(settings) as limits, connect(settings) as redis:
        await redis.client_pause(500, all=False)
        assert await limits.take("me", HUNDRED) == 1
    assert "Redis is away" not in caplog.text


async def test_many_callers_make_those_of_past_periods_forgotten_and_then_the_oldest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("api.admission.limits._MOST", 10)
    monkeypatch.setattr("api.admission.limits.time", SimpleNamespace(time=lambda: now, monotonic=time.monotonic))
    async with Limits(away(settings)) as limits:
        for number in range(9):
            await limits.take(f"{number}", Rate(1, 1 if number else 86_400))
        assert await taken(limits, "me", 200) == 100
        now += 1
        await limits.take("another", HUNDRED)
        assert await taken(limits, "0", 1, Rate(1, 86_400)) == 0, "of this day, and the oldest"
        for number in range(8):
            await limits.take(f"more {number}", HUNDRED)
        assert await taken(limits, "me", 1) == 0
        assert await taken(limits, "0", 1, Rate(1, 86_400)) == 1, "begun anew"


async def taken(limits: Limits, who: str, count: int, rate: Rate = HUNDRED) -> int:
    """Send requests one after the other; return how many of them may be sent."""
    given = 0
    for _ in range(count):
        with suppress(RateLimited):
            given += await limits.take(who, rate)
    return given


@pytest.mark.usefixtures("one_day")
async def test_a_key_has_a_limit_of_its_own_and_others_the_common_one(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(at(settings, "5/day"), tmp_path)
    common, own = file.add("common"), file.add("own", limit="8/hour")
    async with edges(settings, 1) as clients:
        assert await burst(clients, 10, **bearer(common)) == {(200, ""): 5, LIMITED: 5}
        assert await burst(clients, 10, **bearer(own)) == {(200, ""): 8, LIMITED: 2}
        assert (await clients[0].get("/models")).status_code == 401, "who has no key has no limit to reach"


@pytest.mark.usefixtures("one_day")
async def test_the_lines_of_a_request_count_and_it_says_where_to_go_on(settings: Settings) -> None:
    async with edges(at(settings, "101/day"), 1) as [client]:
        lines = body(map(row, range(1, 301)))
        answer = await client.post("/predict_stream", content=lines, headers=NDJSON)
    told = answer.json()
    assert code(answer) == LIMITED
    assert (told["accepted"], told["next_line"], told["unconfirmed"]) == (100, 101, []), "the request itself is one"
    assert int(answer.headers["retry-after"]) > 0
    assert len(await on_topic(settings, settings.input_topic)) == 100


def test_addresses_of_one_network_of_ipv6_are_one_caller() -> None:
    assert network("2001:db8:1:2:3::4") == network("2001:db8:1:2:ffff::") != network("2001:db8:1:3::4")
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("") == "unknown"
