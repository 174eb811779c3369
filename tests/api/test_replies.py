"""Replies find who waits for them: under load, with several edges, over the broker's end and the edge's own."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from edge_support import HANDBOOK, put_cards, ready, running
from replies_support import SVM, StandIn, answering, replies_of
from waiting import eventually

from api.app import create_app
from api.replies.listener import Listener
from api.replies.waiters import Replies
from api.routes import answers
from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with which a group assigns within a second on the embedded broker."""
    return settings.model_copy(update={"session_timeout": 2.0, "rebalance_timeout": 4.0})


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[StandIn]:
    await put_cards(settings, SVM)
    async with answering(settings) as worker:
        yield worker


class Served:
    """Edges of one test."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack

    async def edge(self) -> tuple[httpx.AsyncClient, Replies]:
        """Start an edge; returns once it can answer."""
        app = create_app(self._settings)
        client = await self._stack.enter_async_context(running(self._settings, app))
        replies = replies_of(app)
        await eventually(lambda: ready(client), "the edge to be ready")
        await eventually(lambda: replies.partition is not None, "replies to be read")
        return client, replies


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        yield Served(settings, stack)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Records that each edge has read from the replies topic, by its name."""
    counts: dict[str, int] = {}
    take = Replies._take

    def counted(self: Replies, record: ConsumerRecord) -> None:
        counts[self.name] = counts.get(self.name, 0) + 1
        take(self, record)

    monkeypatch.setattr(Replies, "_take", counted)
    return counts


async def ask(session: aiohttp.ClientSession, number: int) -> bool:
    """Ask for a number; say whether it is what came back."""
    async with session.post("/predict", json={"data": [{"Designation": number}]}) as response:
        return response.status == 200 and (await response.json())["predictions"] == [number]


@asynccontextmanager
async def callers(client: httpx.AsyncClient) -> AsyncIterator[aiohttp.ClientSession]:
    """Many connections to an edge; httpx takes more time for them than the edge does."""
    async with aiohttp.ClientSession(str(client.base_url), connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def ask_many(client: httpx.AsyncClient, count: int, at_once: int) -> int:
    """Ask for as many numbers, so many at a time; return how many answers were right."""
    numbers = iter(range(count))
    async with callers(client) as session:

        async def caller() -> int:
            return sum([await ask(session, number) for number in numbers])

        return sum(await asyncio.gather(*(caller() for _ in range(at_once))))


async def test_two_thousand_requests_a_hundred_at_once_get_each_its_own_answer(
    served: Served, worker: StandIn
) -> None:
    client, replies = await served.edge()
    started = time.monotonic()
    assert await ask_many(client, 2000, 100) == 2000
    assert time.monotonic() - started < 60
    assert replies.waiting == 0


async def test_of_two_edges_each_reads_its_own_replies_alone(
    served: Served, worker: StandIn, read: dict[str, int]
) -> None:
    edges = [await served.edge(), await served.edge()]
    one, other = (replies for _, replies in edges)
    await eventually(
        lambda: one._lease.partitions.isdisjoint(other._lease.partitions) and settled(one) and settled(other),
        "each to read a partition of its own, and no other",
    )
    read.clear()
    assert await asyncio.gather(*(ask_many(client, 40, 10) for client, _ in edges)) == [40, 40]
    assert read == {replies.name: 40 for _, replies in edges}


def settled(replies: Replies) -> bool:
    return replies.own and set(replies._listeners) == {replies.partition}


async def test_an_edge_that_joins_moves_the_lease_and_no_reply_that_is_waited_for_is_lost(
    served: Served, worker: StandIn
) -> None:
    client, replies = await served.edge()
    await eventually(lambda: replies.own, "a partition of its own")
    worker.answering.clear()
    async with callers(client) as session:
        waiting = asyncio.gather(*(ask(session, number) for number in range(50)))
        await eventually(lambda: replies.waiting, expected=50)
        before = replies.partition
        # What the group says when others have joined, and have got this edge's partition.
        replies._lease._assign({1 if before == 0 else 0})
        await eventually(lambda: replies.partition != before, "the partition to be another one")
        assert replies._listeners.keys() == {before, replies.partition}
        later = asyncio.gather(*(ask(session, number) for number in range(50, 100)))
        await eventually(lambda: replies.waiting, expected=100)
        worker.answering.set()
        assert all(await waiting + await later)
        await eventually(
            lambda: set(replies._listeners), "the old partition to be left", expected={replies.partition}
        )


async def test_more_edges_than_partitions_share_them_and_each_caller_gets_its_own_answer(
    settings: Settings, read: dict[str, int]
) -> None:
    settings = settings.model_copy(update={"reply_partitions": 1})
    await put_cards(settings, SVM)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(answering(settings))
        served = Served(settings, stack)
        edges = [await served.edge(), await served.edge()]
        read.clear()
        assert await asyncio.gather(*(ask_many(client, 20, 10) for client, _ in edges)) == [20, 20]
        assert read == {replies.name: 40 for _, replies in edges}


async def test_a_reply_that_comes_while_its_partition_cannot_be_read_is_read_afterwards(
    served: Served, worker: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, replies = await served.edge()
    failing = asyncio.Event()

    async def fail(_: Listener, __: AIOKafkaConsumer) -> None:
        failing.set()
        raise KafkaConnectionError

    async with callers(client) as session:
        assert await ask(session, 1)  # what was read before is not read again
        worker.answering.clear()
        waiting = asyncio.create_task(ask(session, 2))
        await eventually(lambda: replies.waiting, expected=1)
        with monkeypatch.context() as patch:
            patch.setattr(Listener, "_read", fail)
            await failing.wait()
            await eventually(lambda: replies.partition, expected=None)
            async with session.post("/predict", json=HANDBOOK) as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            worker.answering.set()
            await eventually(lambda: len(worker.sent), expected=2)
        assert await waiting


async def test_when_the_edge_ends_nobody_waits_any_longer(served: Served, worker: StandIn) -> None:
    client, replies = await served.edge()
    worker.answering.clear()
    waiting = asyncio.create_task(client.post("/predict", json=HANDBOOK))
    await eventually(lambda: replies.waiting, expected=1)
    replies.end()
    ended = [await waiting, await client.post("/predict", json=HANDBOOK)]
    assert [(answer.status_code, answer.json()["code"]) for answer in ended] == [(504, "deadline")] * 2


async def test_an_edge_that_never_met_a_broker_takes_no_request_that_it_could_not_answer(settings: Settings) -> None:
    async with running(settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"})) as client:
        refused = await client.post("/predict", json=HANDBOOK)
        assert (refused.status_code, refused.json()["code"]) == (503, "no_models")
        checks = (await client.get("/readyz")).json()["checks"]
        assert not checks["replies"]["ok"]


def test_a_reply_that_is_no_prediction_is_no_fault_of_the_callers() -> None:
    with pytest.raises(RuntimeError, match="no prediction"):
        answers._decoded(b"{}")


async def test_a_broker_that_forgot_everything_is_read_again(own: Processes, settings: Settings) -> None:
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"})
    broker = services.broker(int(settings.broker.rpartition(":")[2]))
    child = await own.run(broker)
    await put_cards(settings, SVM)
    async with AsyncExitStack() as stack:
        client, replies = await Served(settings, stack).edge()
        async with answering(settings):
            assert await ask_many(client, 50, 10) == 50
        await own.stop(child, number=signal.SIGKILL)
        await own.run(broker)
        await eventually(lambda: ready(client), "the topics to be there again")
        async with answering(settings), callers(client) as session:
            # Offsets start over: the first replies stand where others were read before.
            await eventually(lambda: ask(session, 7), "an answer")
            assert await ask_many(client, 5, 5) == 5
        assert replies.waiting == 0


async def test_an_edge_on_kafka_answers_and_goes_on_when_the_topic_is_made_anew(
    kafka_settings: Settings,
) -> None:
    await put_cards(kafka_settings, SVM)
    async with AsyncExitStack() as stack:
        client, replies = await Served(kafka_settings, stack).edge()
        await stack.enter_async_context(answering(kafka_settings))
        assert await ask_many(client, 100, 100) == 100
        await eventually(lambda: replies.own, "a partition of its own")
        await remake(kafka_settings)
        session = await stack.enter_async_context(callers(client))
        await eventually(lambda: ask(session, 7), "an answer")
        assert await ask_many(client, 100, 100) == 100


async def remake(settings: Settings) -> None:
    """Delete the replies topic and make it anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await admin.start()
    await admin.delete_topics([settings.replies_topic])
    await eventually(lambda: gone(admin, settings.replies_topic), "the topic to be deleted")
    await admin.close()
    await kafka.ensure_topics(settings, topics(settings), "test")


async def gone(admin: AIOKafkaAdminClient, topic: str) -> bool:
    return topic not in await admin.list_topics()


async def test_a_reply_is_handed_over_at_once_where_the_broker_wakes_no_fetch(settings: Settings) -> None:
    await kafka.ensure_topics(settings, topics(settings), "test")
    came = asyncio.Event()
    listener = Listener(settings, 0, lambda _: came.set())
    reading = asyncio.create_task(listener.run())
    took = []
    async with kafka.producer(settings, "test") as producer:
        await listener.ready.wait()
        for _ in range(5):
            came.clear()
            await producer.send_and_wait(settings.replies_topic, b"reply", partition=0)
            sent = time.monotonic()
            await came.wait()
            took.append(time.monotonic() - sent)
    listener.retired = True
    await reading
    # Each was sent at the beginning of a fetch. The least of them: what else runs here delays some.
    assert min(took) < 0.07, took
