"""The collector looks for cycles while nothing is in flight, and not otherwise."""

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from waiting import eventually
from worker_support import Stack

from streamapp.agents.garbage import COLLECT_AFTER, Collector
from streamapp.app import create_app
from streamapp.contracts.settings import load_settings


class Cycle:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Worker:
    """Says what is in flight, and counts how often it was asked."""

    in_flight = 0
    asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.in_flight


async def test_a_cycle_goes_once_nothing_is_in_flight() -> None:
    worker = Worker()
    worker.in_flight = 1
    async with Collector(worker, every=0.0, look=0.01):
        cycle = weakref.ref(Cycle())
        asked = worker.asked
        await eventually(lambda: worker.asked > asked + 5)
        assert cycle() is not None
        worker.in_flight = 0
        await eventually(lambda: cycle() is None)


async def test_what_is_there_at_the_start_is_looked_at_no_more_and_under_load_it_takes_many_objects() -> None:
    kept = [[]]  # a container, as a model has many
    async with Collector(Worker()):
        assert gc.get_freeze_count() > 0
        assert not any(found is kept for found in gc.get_objects())
        assert gc.get_threshold()[0] == COLLECT_AFTER


@pytest.mark.parametrize(("started", "expected"), [(False, 0), (True, 2)])
def test_in_flight_is_what_the_consumer_says_once_there_is_one(started: bool, expected: int) -> None:  # noqa: FBT001
    app: Any = create_app(load_settings(broker="127.0.0.1:9"))
    app.consumer = SimpleNamespace(started=started, in_flight=2)
    assert app._in_flight() == expected


async def test_a_worker_has_one(stack: Stack) -> None:
    worker = stack.worker()
    await eventually(lambda: "Collector]: Starting..." in worker.log.read_text(), timeout=60)
