"""A fetch that outlives a rebalance: the real fetcher of aiokafka, with records put into it by hand."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP
from waiting import eventually

from streamapp.transport.ledger import Ledger
from streamapp.transport.thread import ConsumerThread

PARTITION = TopicPartition("topic", 0)


class Records:
    """What a fetch of the broker brought: `count` records from `next_fetch_offset` on."""

    def __init__(self, start: int, count: int) -> None:
        self.next_fetch_offset = start
        self._end = start + count

    def __iter__(self) -> "Records":
        return self

    def __next__(self) -> ConsumerRecord[Any, Any]:
        if self.next_fetch_offset == self._end:
            raise StopIteration
        self.next_fetch_offset += 1
        return ConsumerRecord(*PARTITION, self.next_fetch_offset - 1, 0, 0, None, b"v", None, 0, 1, ())


class Stage:
    """A consumer of aiokafka reduced to what a fetch needs, and the transport's thread on top of it."""

    def __init__(self) -> None:
        self.subscriptions = SubscriptionState()
        self.subscriptions.subscribe({"topic"})
        cluster = SimpleNamespace(leader_for_partition=lambda _: None)
        idle = asyncio.get_running_loop().create_future
        client = SimpleNamespace(
            _loop=asyncio.get_running_loop(), _metadata_max_age_ms=1000, cluster=cluster, force_metadata_update=idle
        )
        self.fetcher = Fetcher(client, self.subscriptions)
        self.coordinator = SimpleNamespace(generation=5)
        self.thread = ConsumerThread.__new__(ConsumerThread)
        self.thread._consumer = SimpleNamespace(
            _coordinator=self.coordinator,
            _fetcher=self.fetcher,
            _closed=False,
            _max_poll_records=100,
            seek=self.fetcher.seek_to,
        )
        self.thread.consumer = SimpleNamespace(flow_active=True)
        self.assign(position=500)

    def assign(self, position: int) -> None:
        self.subscriptions.assign_from_subscribed([PARTITION])
        self.state.seek(position)

    @property
    def state(self) -> Any:
        return self.subscriptions.subscription.assignment.state_value(PARTITION)

    def arrive(self, start: int, count: int) -> None:
        assignment = self.subscriptions.subscription.assignment
        self.fetcher._records[PARTITION] = FetchResult(
            PARTITION, assignment=assignment, partition_records=Records(start, count), backoff=0.1
        )
        for waiter in list(self.fetcher._fetch_waiters):
            self.fetcher._notify(waiter)

    def fetch(self, generation: int) -> "asyncio.Task[Any]":
        return asyncio.create_task(self.thread._fetch_in_generation({TP(*PARTITION)}, generation, 5.0))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.fetcher.close()


async def turn() -> None:
    """Let the other tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_fetch_brings_the_records_of_its_generation(stage: Stage) -> None:
    task = stage.fetch(generation=5)
    await turn()
    stage.arrive(500, 3)
    assert [record.offset for record in (await task)[PARTITION]] == [500, 501, 502]
    assert stage.state.position == 503


async def test_records_of_the_next_assignment_are_put_back(stage: Stage) -> None:
    task = stage.fetch(generation=5)
    await turn()
    stage.subscriptions.begin_reassignment()
    await turn()
    stage.coordinator.generation = 6
    stage.assign(position=500)
    await turn()
    stage.arrive(500, 3)
    assert await task == {}
    assert stage.state.position == 500


async def test_a_fetch_asked_for_before_the_app_knows_of_the_rebalance_is_put_back(stage: Stage) -> None:
    stage.coordinator.generation = 6
    task = stage.fetch(generation=5)
    await turn()
    stage.arrive(500, 3)
    assert await task == {}
    assert stage.state.position == 500


class Brokerless:
    """The transport's consumer with fetches that are answered by hand."""

    def __init__(self) -> None:
        app = faust.App(
            "brokerless", broker="batch://localhost:1", autodiscover=False, loop=asyncio.get_running_loop()
        )
        self.consumer: Any = app.consumer
        self.fetches: list[asyncio.Future[Any]] = []
        self.consumer._thread.thread_loop.close()
        self.consumer._thread = SimpleNamespace(fetch=self._fetch)
        self.active = {TP(*PARTITION)}
        self.consumer._get_active_partitions = lambda: self.active
        self.consumer.resume_flow()

    async def _fetch(self, *_: Any) -> Any:
        self.fetches.append(asyncio.get_running_loop().create_future())
        return await self.fetches[-1]

    async def drain(self) -> None:
        while True:
            await self.consumer._drain_once()


async def test_a_fetch_that_ends_while_the_flow_is_suspended_is_followed_by_another() -> None:
    stage = Brokerless()
    draining = asyncio.create_task(stage.drain())
    await turn()
    stage.consumer.stop_flow()
    stage.consumer._news.set()  # as the last acknowledgement before a rebalance does
    await turn()
    stage.fetches[0].set_result({})
    await turn()
    stage.consumer.resume_flow()
    await turn()
    draining.cancel()
    assert len(stage.fetches) == 2


async def test_partitions_may_be_revoked_while_a_batch_is_handed_over() -> None:
    stage = Brokerless()
    stage.active.add(TP("topic", 1))

    async def handed_over(message: Any) -> None:
        stage.active.discard(message.tp)

    stage.consumer.callback = handed_over
    stage.consumer._ledgers = {tp: Ledger() for tp in stage.active}
    for ledger in stage.consumer._ledgers.values():
        ledger.arrive(list(Records(0, 3)))
    draining = asyncio.create_task(stage.drain())
    await eventually(lambda: len(stage.fetches), expected=1)
    draining.cancel()
    assert stage.active == set()
