"""Long work that leaves the event loop to others between its turns."""

import asyncio

import pytest

from api.tasks.turns import Turns


@pytest.mark.parametrize(("waiting", "rounds"), [(True, 10), (False, 1)])
async def test_others_get_rounds_of_the_loop_between_turns_while_they_wait(*, waiting: bool, rounds: int) -> None:
    turns, seen = Turns(lambda: waiting), []

    async def other() -> None:
        while True:
            seen.append(0)
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    before = len(seen)
    async with turns.turn():
        pass
    assert len(seen) - before == rounds
    task.cancel()


async def test_only_one_has_its_turn() -> None:
    turns, order = Turns(lambda: False), []

    async def work(name: str) -> None:
        async with turns.turn():
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)

    await asyncio.gather(work("a"), work("b"))
    assert order == ["a", "a", "b", "b"]
