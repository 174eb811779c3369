"""The proxy passes everything on, except what the weather of a role keeps from arriving."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from waiting import eventually

from chaos import frames
from chaos.brokers import Embedded
from chaos.proxy import CLEAR, Proxy, Weather
from streamapp.clients import kafka
from streamapp.contracts.settings import Settings, client_id
from streamapp.contracts.topics import Topic
from streamapp.embedded.processes import Processes

FETCH = 1


def request(role: str, number: int = 1, key: int = frames.PRODUCE, size: int = 0) -> bytes:
    name = client_id(role).encode()
    body = key.to_bytes(2) + b"\0\0" + number.to_bytes(4) + len(name).to_bytes(2) + name + b"x" * size
    return len(body).to_bytes(4) + body


class Echo:
    """A broker that answers each request with its correlation id, and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        async for frame in frames.frames(reader):
            self.got.append(frame)
            writer.write((4).to_bytes(4) + frames.correlation_id(frame).to_bytes(4))
        writer.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, role: str) -> None:
        self.reader, self.writer, self.role = reader, writer, role

    def ask(self, number: int = 1, key: int = frames.PRODUCE, size: int = 0) -> None:
        self.writer.write(request(self.role, number, key, size))

    async def answer(self) -> int:
        return frames.answered_id(await self.reader.readexactly(8))

    async def hears_nothing(self, seconds: float = 0.2) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
            return False
        return True

    async def ended(self) -> bool:
        async with asyncio.timeout(5):
            return await self.reader.read() == b""


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()
    await server.wait_closed()


@contextlib.asynccontextmanager
async def client(proxy: Proxy, role: str) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield Client(reader, writer, role)
    writer.close()


async def test_frames_are_passed_on_whole_and_answers_come_back(proxy: Proxy, echo: Echo) -> None:
    async with client(proxy, "edge") as edge:
        for number in range(3):
            edge.ask(number, size=200_000)
            assert await edge.answer() == number
    assert echo.got == [request("edge", number, size=200_000) for number in range(3)]


async def test_a_black_hole_swallows_both_ways_for_one_role_alone_and_keeps_connections_open(
    proxy: Proxy, echo: Echo
) -> None:
    async with client(proxy, "edge") as edge, client(proxy, "worker") as worker:
        edge.ask()
        await edge.answer()
        with proxy.weather(Weather(black_hole=True), "edge"):
            edge.ask(2)
            async with client(proxy, "edge") as newcomer:
                newcomer.ask(3)
                assert await newcomer.hears_nothing()
            assert await edge.hears_nothing()
            worker.ask(4)
            assert await worker.answer() == 4
        assert await edge.ended(), "a connection that lost bytes cannot go on"
    assert len(echo.got) == 2
    async with client(proxy, "edge") as edge:
        edge.ask(5)
        assert await edge.answer() == 5


async def test_a_lost_produce_response_leaves_the_record_with_the_broker_and_the_client_without_an_answer(
    proxy: Proxy, echo: Echo
) -> None:
    async with client(proxy, "worker") as producing, client(proxy, "worker") as fetching:
        with proxy.weather(Weather(loses_produce_responses=True), "worker"):
            producing.ask(1)
            assert await producing.hears_nothing()
            assert len(echo.got) == 1
            fetching.ask(2, key=FETCH)
            assert await fetching.answer() == 2
        assert await producing.ended()
        fetching.ask(3, key=FETCH)
        assert await fetching.answer() == 3


async def test_latency_and_throttle_hold_frames_up(proxy: Proxy) -> None:
    async with client(proxy, "edge") as edge:
        proxy.set("edge", Weather(latency=(0.1, 0.1)))
        start = time.monotonic()
        edge.ask(1)
        await edge.answer()
        assert time.monotonic() - start >= 0.2
        proxy.set("edge", Weather(bytes_per_second=100_000))
        start = time.monotonic()
        edge.ask(2, size=50_000)
        await edge.answer()
        assert time.monotonic() - start >= 0.5
        proxy.set("edge", CLEAR)
        edge.ask(3)
        assert await edge.answer() == 3


async def test_who_does_not_read_holds_up_who_writes(proxy: Proxy, echo: Echo) -> None:
    async with client(proxy, "edge") as edge:
        edge.ask(1)
        await edge.answer()
        flood = (1 << 20).to_bytes(4) + b"x" * (1 << 20)
        written = 0

        async def write() -> None:
            nonlocal written
            while True:
                echo.writers[0].write(flood)
                await echo.writers[0].drain()
                written += 1

        writing = asyncio.create_task(write())
        before = -1

        async def stands_still() -> bool:
            nonlocal before
            before, now = written, before
            await asyncio.sleep(0.2)
            return written == before == now

        await eventually(stands_still, "the writer to be held up")
        assert written < 64
        writing.cancel()


async def test_cut_ends_the_connections_of_a_role(proxy: Proxy) -> None:
    async with client(proxy, "edge") as edge, client(proxy, "worker") as worker:
        for one in (edge, worker):
            one.ask()
            await one.answer()
        proxy.cut("edge")
        assert await edge.ended()
        worker.ask(2)
        assert await worker.answer() == 2


async def test_a_broker_that_is_away_ends_the_connection() -> None:
    async with Proxy(1) as proxy, client(proxy, "edge") as edge:
        edge.ask()
        assert await edge.ended()


async def test_real_clients_reach_a_real_broker_only_through_the_proxy(
    processes: Processes, settings: Settings
) -> None:
    broker = Embedded(processes)
    async with broker.proxy as proxy:
        await broker.start()
        own = settings.model_copy(update={"broker": f"127.0.0.1:{proxy.port}"})
        await kafka.ensure_topics(own, [Topic("t", 1, 1)], "edge")
        async with kafka.producer(own, "edge") as producer:
            await producer.send_and_wait("t", b"value")
        admin = AIOKafkaAdminClient(**kafka.connection(own, "sinks"))
        await admin.start()
        await admin.close()
        assert proxy.passed["edge"] > 3
        assert proxy.passed["sinks"] > 0
        assert proxy.lost == {}
    await broker.stop()
