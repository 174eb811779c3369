"""`Idempotency-Key` and the memory of requests under way: what is held is counted, and held no longer than needed."""

import asyncio
import tracemalloc

import pytest
from edge_support import card, put_cards, ready, running
from idempotency_support import PREDICT, key, replies
from replies_support import replies_of
from waiting import eventually

from api.app import create_app
from api.idempotency.reservations import Entry, Reservation, Reservations
from streamapp.contracts.settings import Settings

_COUNT = 16
_BODY = b'{"data":[{"Designation":1.5}' + b" " * 500_000 + b"]}"


async def test_bodies_count_until_redis_has_answered_and_are_gone_while_predictions_are_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()
    usual = Reservations.reserve

    async def held(self: Reservations, owner: str, key: str, fingerprint: bytes) -> Reservation | Entry:
        await release.wait()
        return await usual(self, owner, key, fingerprint)

    monkeypatch.setattr(Reservations, "reserve", held)
    await put_cards(settings, card("svm"))
    app = create_app(settings)
    async with running(settings, app) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await eventually(lambda: replies(client), "the edge to read replies")
        room = app.state.edge.room
        tracemalloc.start()
        try:
            json = {"Content-Type": "application/json"}
            sent = [
                asyncio.create_task(client.post(PREDICT, content=_BODY, headers=json | key(str(number)), timeout=60))
                for number in range(_COUNT)
            ]
            await eventually(lambda: room.taken, "all bodies to be counted", expected=_COUNT * len(_BODY))
            release.set()
            await eventually(lambda: (replies_of(app).waiting, room.taken), "all to wait", expected=(_COUNT, 0))
            await eventually(lambda: tracemalloc.get_traced_memory()[0] < _COUNT / 2 * len(_BODY), "bodies to go")
        finally:
            tracemalloc.stop()
            release.set()
            for waiter in replies_of(app)._waiters.values():
                waiter.reply.set_result(None)
        assert {(await one).status_code for one in sent} == {504}
