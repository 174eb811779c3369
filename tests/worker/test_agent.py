"""The agent's loop: what waits for what."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from streamapp.agents.scoring import run


class Service:
    """Scores at once; a delivery waits where its partition is held."""

    def __init__(self) -> None:
        self.held = {0: asyncio.Event()}
        self.delivered: list[tuple[int, int]] = []
        self.fails: set[tuple[int, int]] = set()

    async def score(self, batch: SimpleNamespace) -> SimpleNamespace:
        """Nothing comes of it."""
        return SimpleNamespace(spans=None)

    async def deliver(self, batch: SimpleNamespace, work: SimpleNamespace) -> None:
        if batch.tp in self.held:
            await self.held[batch.tp].wait()
        if (batch.tp, batch.number) in self.fails:
            raise RuntimeError("refused")
        self.delivered.append((batch.tp, batch.number))


class Events:
    """Batches of partitions 0 and 1 in turns, and what was acknowledged of them."""

    def __init__(self, count: int) -> None:
        self.acked: list[tuple[int, int]] = []
        self._events = deque((number % 2, number // 2) for number in range(count))

    async def __aiter__(self) -> AsyncIterator[SimpleNamespace]:
        while self._events:
            tp, number = self._events.popleft()
            batch = SimpleNamespace(tp=tp, number=number)
            yield SimpleNamespace(value=batch, ack=lambda place=(tp, number): self.acked.append(place))
            await asyncio.sleep(0)


async def test_a_partition_whose_delivery_waits_holds_up_no_other_and_keeps_its_order() -> None:
    service, events = Service(), Events(6)
    loop = asyncio.create_task(run(aiter(events), service))  # type: ignore[arg-type]  # as far as the loop uses it
    async with asyncio.timeout(5):
        while len(service.delivered) < 3:
            await asyncio.sleep(0)
    assert events.acked == [(1, 0), (1, 1), (1, 2)]
    service.held[0].set()
    await loop
    assert events.acked[3:] == [(0, 0), (0, 1), (0, 2)]


async def test_a_delivery_that_fails_ends_the_loop_and_nothing_behind_it_is_acknowledged() -> None:
    service, events = Service(), Events(6)
    service.held.clear()
    service.fails = {(0, 1)}
    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await run(aiter(events), service)  # type: ignore[arg-type]  # as far as the loop uses it
    assert [place for place in events.acked if place[0] == 0] == [(0, 0)]
