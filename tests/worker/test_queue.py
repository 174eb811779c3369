"""Calls of models: side by side, what waits goes together, order kept."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from streamapp.agents.queue import ModelQueue
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.messages import Payload
from streamapp.scoring.groups import Request
from streamapp.scoring.model import FunctionModel, Table
from streamapp.scoring.records import Scored
from streamapp.scoring.score import Limits


class Held:
    """A model that answers with its first column, once it is let go; it notes the rows of each call."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.calls: list[list[float]] = []

    def __call__(self, table: Table) -> list[Any]:
        self.calls.append([float(row[0]) for row in table])
        self.let_go.wait(30)
        return [int(row[0]) for row in table]


class In(msgspec.Struct):
    """A record of the input topic."""

    offset: int
    value: bytes = b"{}"
    topic: str = "in"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def queue(held: Held, alias: str = "slow", most: int = 100) -> ModelQueue:
    card = ModelCard(alias, alias.upper(), "1", "run", "test", (Feature("n"),))
    return ModelQueue(FunctionModel(card, held), Limits(predict_seconds=60), most)


def requests(*numbers: int) -> list[Request]:
    return [Request(In(number), Payload(msgspec.Raw(f'[{{"n": {number}}}]'.encode()))) for number in numbers]


def answers(results: Any) -> list[int]:
    assert all(isinstance(result, Scored) for result in results)
    return [msgspec.json.decode(result.value)["predictions"][0] for result in results]


async def called(held: Held, times: int) -> None:
    async with asyncio.timeout(10):
        while len(held.calls) < times:
            await asyncio.sleep(0.001)


async def test_what_waits_goes_together_in_one_call_and_each_batch_gets_its_own_answers() -> None:
    held = Held()
    slow = queue(held)
    first = asyncio.create_task(slow.score(requests(1)))
    await called(held, 1)
    others = [asyncio.create_task(slow.score(requests(*numbers))) for numbers in ((2, 3), (4,), (5, 6))]
    await asyncio.sleep(0)
    held.let_go.set()
    assert answers(await first) == [1]
    assert [answers(result) for result in await asyncio.gather(*others)] == [[2, 3], [4], [5, 6]]
    assert held.calls == [[1], [2, 3, 4, 5, 6]]
    assert (slow.stats.calls, slow.stats.rows) == (2, 6)


async def test_one_call_takes_no_more_than_it_may_and_splits_no_batch() -> None:
    held = Held()
    slow = queue(held, most=3)
    scored = [asyncio.create_task(slow.score(requests(*numbers))) for numbers in ((1,), (2, 3), (4, 5), (6, 7, 8, 9))]
    held.let_go.set()
    await asyncio.gather(*scored)
    assert [sorted(call) for call in held.calls] == [[1, 2, 3], [4, 5], [6, 7, 8, 9]]


async def test_a_slow_model_holds_up_no_other() -> None:
    held, free = Held(), Held()
    free.let_go.set()
    waiting = asyncio.create_task(queue(held).score(requests(1)))
    await called(held, 1)
    fast = queue(free, "fast")
    for number in range(20):
        assert answers(await fast.score(requests(number))) == [number]
    assert not waiting.done()
    held.let_go.set()
    assert answers(await waiting) == [1]


async def test_whoever_stops_waiting_leaves_the_others_their_answers() -> None:
    held = Held()
    slow = queue(held)
    first = asyncio.create_task(slow.score(requests(1)))
    await called(held, 1)
    gone, stays = (asyncio.create_task(slow.score(requests(number))) for number in (2, 3))
    await asyncio.sleep(0)
    gone.cancel()
    held.let_go.set()
    assert answers(await first) == [1]
    assert answers(await stays) == [3]
    with pytest.raises(asyncio.CancelledError):
        await gone
