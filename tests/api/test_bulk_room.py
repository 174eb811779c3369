"""Bulk requests share their memory by what they need of it: slow clients keep nobody out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from bulk_support import answer_of, body, row, send, sending
from edge_support import card, put_cards, ready, records, running
from waiting import eventually

from api.admission.places import Places
from api.bulk.outbox import Outbox
from streamapp.contracts.settings import Settings

#: A line that is longer than what each request may keep unasked.
LONG = b'{"Designation": 1, ' + b" " * 100_000 + b'"Sleep_Hours": 7}'


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield client


async def test_clients_that_send_a_line_now_and_then_keep_nobody_out(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(sending(edge.base_url, body([row(1)]), more=1)) for _ in range(200)]
        await records(settings, len(slow))
        answer = await send(edge, body(map(row, range(1000))))
        assert (answer.status_code, answer.json().get("accepted")) == (202, 1000)
        assert not any(reader.at_eof() for reader in slow)


async def test_slow_clients_with_long_lines_keep_out_long_lines_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.KEPT_BYTES", 3 * len(LONG) // 2)
    async with served(settings) as client, AsyncExitStack() as stack:
        async with sending(client.base_url, body([row(1)]) + LONG, more=1):
            await records(settings, 1)
            late = await stack.enter_async_context(sending(client.base_url, body([row(1), b"{"]) + LONG, more=1))
            refused = await answer_of(late)
            short = await send(client, body(map(row, range(1000))))
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        told = {name: refused.json()[name] for name in ("accepted", "refused", "next_line", "unconfirmed")}
        assert told == {"accepted": 1, "refused": 1, "next_line": 3, "unconfirmed": []}
        assert "nothing was accepted" not in refused.json()["detail"]
        assert (short.status_code, short.json()["accepted"]) == (202, 1000)

        async def again() -> int:
            return (await send(client, LONG)).status_code

        await eventually(again, "the room to be given back", expected=202)


async def test_what_is_said_of_refused_lines_is_kept_and_counts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.KEPT_BYTES", 0)
    lines = body([b'{"no_such_field": 1}'] * 100)
    async with served(settings) as client, sending(client.base_url, lines, more=1) as reader:
        answer = await answer_of(reader)
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert len(answer.json()["errors"]) == answer.json()["refused"] == 100


async def test_pieces_are_worked_on_in_turn_and_only_so_many_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, at_work, put = asyncio.Event(), [], Outbox.put

    async def held(self: Outbox, given: Sequence[Any]) -> None:
        at_work.append(given)
        await goes_on.wait()
        await put(self, given)

    monkeypatch.setattr(Outbox, "put", held)
    places = Places(2, queue=1)
    monkeypatch.setattr("api.app.Places", lambda *_, **__: places)
    async with served(settings) as client:
        sent = [asyncio.create_task(send(client, body([row(1)]))) for _ in range(3)]
        await eventually(lambda: (len(at_work), places.waiting), expected=(2, 1))
        refused = await send(client, body([row(1)]))
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert (refused.json()["accepted"], refused.json()["next_line"]) == (0, 1)
        goes_on.set()
        assert [(await answer).status_code for answer in sent] == [202] * 3
    await records(settings, 3)


async def test_where_too_much_is_on_its_way_a_request_waits_for_what_it_has_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.app.UNACKNOWLEDGED_BYTES", 1)
    waits, relieve = [], Outbox.relieve

    async def noting(self: Outbox) -> None:
        await relieve(self)
        waits.append(len(self._sent))

    monkeypatch.setattr(Outbox, "relieve", noting)
    async with served(settings) as client:
        answer = await send(client, body(map(row, range(20_000))))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 20_000)
    assert len(waits) > 1
    assert set(waits) == {0}


async def test_of_what_is_acknowledged_nothing_is_kept_while_its_client_sends_no_more(
    edge: httpx.AsyncClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, relieve = [], Outbox.relieve

    async def noting(self: Outbox) -> None:
        made.append(self)
        await relieve(self)

    monkeypatch.setattr(Outbox, "relieve", noting)
    async with sending(edge.base_url, body(map(row, range(1000))), more=1):
        await records(settings, 1000)

        def kept() -> tuple[int, int, int]:
            outbox = made[-1]
            return outbox.accepted, len(outbox._sent), len(outbox.unconfirmed)

        await eventually(kept, "what is acknowledged to be forgotten", expected=(1000, 0, 0), timeout=5)
