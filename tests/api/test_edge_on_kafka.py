"""The edge in front of an Apache Kafka that hangs, is killed and comes back: what it claims is there, once."""

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition
from apache_kafka import ApacheKafka
from edge_support import HANDBOOK, card, put_cards, ready, running
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child, Processes

CALLERS = 10
#: Seconds that the broker hangs: several times what the edge waits for it.
HANG = 6
KILLS = 2


class Edge(NamedTuple):
    """An edge and what it stands on."""

    broker: ApacheKafka
    child: Child
    client: httpx.AsyncClient
    settings: Settings


class Load:
    """Callers that send one request after the other."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._enough = asyncio.Event()
        self.sent = 0
        self.accepted: dict[str, tuple[int, int]] = {}
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0

    async def __aenter__(self) -> "Load":  # noqa: PYI034  # `Self` says no more here
        self._callers = [asyncio.create_task(self._call()) for _ in range(CALLERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._enough.set()
        await asyncio.gather(*self._callers)

    async def _call(self) -> None:
        while not self._enough.is_set():
            self.sent += 1
            started = time.monotonic()
            response = await self._client.post("/predict_stream", json=HANDBOOK)
            self.slowest = max(self.slowest, time.monotonic() - started)
            answer = response.json()
            if response.status_code == 202:
                self.accepted[answer["id"]] = answer["partition"], answer["offset"]
            else:
                assert response.headers["retry-after"] == "1"
            self.answers[answer.get("code", "accepted")] += 1
            await asyncio.sleep(0.02)

    async def flows(self) -> None:
        """Wait until requests are accepted (again)."""
        before = len(self.accepted)
        await eventually(lambda: len(self.accepted) > before, "a request to be accepted", timeout=20)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What aiokafka says of a broker that is away takes a good part of a small machine; the server drops it too."""
    caplog.set_level(logging.CRITICAL, "aiokafka")


@asynccontextmanager
async def on_kafka(processes: Processes, settings: Settings, folder: Path) -> AsyncIterator[Edge]:
    """Run an edge on an Apache Kafka of its own, until it is ready."""
    broker = ApacheKafka(processes, folder / "kafka")
    # Less patience than by default: callers and edge share one loop, and have two seconds for an answer.
    settings = settings.model_copy(update={"broker": broker.address, "publish_timeout": 0.8})
    child = await broker.start()
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield Edge(broker, child, client, settings)


async def test_a_broker_that_hangs_and_is_killed_loses_and_repeats_nothing_that_was_claimed(
    needs_kafka: None, own: Processes, settings: Settings, tmp_path: Path
) -> None:
    async with on_kafka(own, settings, tmp_path / "broker") as edge:
        async with Load(edge.client) as load:
            await load.flows()
            edge.child.process.send_signal(signal.SIGSTOP)
            refused = load.answers["broker_unavailable"]
            await asyncio.sleep(HANG)
            assert load.answers["broker_unavailable"] > refused
            edge.child.process.send_signal(signal.SIGCONT)
            await load.flows()
            for _ in range(KILLS):
                await edge.broker.kill()
                await edge.broker.start()
                await load.flows()
        assert load.slowest < 2
    assert load.answers.keys() == {"accepted", "broker_unavailable"}
    there = {ids(record): (record.partition, record.offset) for record in await everything(edge.settings)}
    assert {record_id: there.get(record_id) for record_id in load.accepted} == load.accepted
    assert len(there) <= load.sent


async def test_an_edge_stops_in_time_while_the_broker_hangs_with_records_on_their_way(
    needs_kafka: None, own: Processes, settings: Settings, tmp_path: Path
) -> None:
    async with on_kafka(own, settings, tmp_path / "broker") as edge:
        edge.child.process.send_signal(signal.SIGSTOP)
        answers = await asyncio.gather(*(edge.client.post("/predict_stream", json=HANDBOOK) for _ in range(30)))
        assert {answer.json()["code"] for answer in answers} == {"broker_unavailable"}
        stopped = time.monotonic()
    edge.child.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - stopped < edge.settings.shutdown_timeout


def ids(record: ConsumerRecord) -> str:
    return dict(record.headers)["ce_id"].decode()


async def everything(settings: Settings) -> list[ConsumerRecord]:
    """Read the input topic to its end, and check that no id is on it twice."""
    found: list[ConsumerRecord] = []
    partitions = [TopicPartition(settings.input_topic, number) for number in range(settings.partitions)]
    async with kafka.consumer(settings, "test") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
    assert [record_id for record_id, count in Counter(map(ids, found)).items() if count > 1] == []
    return found
