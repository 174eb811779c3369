"""Requests of many lines that cannot be accepted to their end: the answer says what was, and where to go on."""

import asyncio
import itertools
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from apache_kafka import ApacheKafka
from bulk_support import body, by_partition, converse, line_of, on_topic, row, send, served, value
from edge_support import HANDBOOK, card, pause, put_cards, ready, records, running
from waiting import eventually

from api.bulk.outbox import Outbox
from api.publishing.batch_publisher import BatchPublisher
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


class Endless:
    """A body of lines without end, in pieces of a hundred.

    Args:
        pause: Seconds between two pieces.

    Attributes:
        taken: Lines that the client has taken to send them.
    """

    def __init__(self, pause: float) -> None:
        self.taken = 0
        self._pause = pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for first in itertools.count(1, 100):
            yield body(map(row, range(first, first + 100)))
            self.taken = first + 99
            await asyncio.sleep(self._pause)


def within(number: int, ranges: list[list[int]]) -> bool:
    return any(first <= number <= last for first, last in ranges)


async def test_a_broker_that_is_killed_leaves_an_answer_that_is_true(
    needs_kafka: None, own: Processes, settings: Settings, tmp_path: Path
) -> None:
    broker = ApacheKafka(own, tmp_path / "kafka")
    settings = settings.model_copy(update={"broker": broker.address})
    await broker.start()
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        lines = Endless(pause=0.001)
        sending = asyncio.create_task(converse(client, lines))
        await eventually(lambda: lines.taken > 5000, "lines to flow")
        await broker.kill()
        answer = await sending
        await broker.start()
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "broker_unavailable")
    assert answer.headers["retry-after"] == "1"
    found = await on_topic(settings, settings.input_topic)
    there = [line_of(record) for record in found]
    unconfirmed, next_line = problem["unconfirmed"], problem["next_line"]
    claimed = {number for number in range(1, next_line) if not within(number, unconfirmed)}
    assert len(there) == len(set(there))
    assert claimed <= set(there)
    assert problem["accepted"] == len(claimed) > 0
    assert all(within(number, unconfirmed) for number in set(there) - claimed)
    assert all(numbers == sorted(numbers) for numbers in by_partition(found).values())


async def test_a_broker_that_is_away_gives_503_with_nothing_accepted(own: Processes, settings: Settings) -> None:
    port = free_port()
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{port}", "publish_timeout": 0.5})
    child = await own.run(services.broker(port))
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await pause(child)
        problem = (await send(client, body(map(row, range(1000))))).json()
        child.process.send_signal(signal.SIGCONT)
        assert (problem["code"], problem["accepted"]) == ("broker_unavailable", 0)
        assert (problem["unconfirmed"], problem["next_line"]) == ([[1, 1000]], 1001)

        async def status() -> int:
            return (await send(client, body([row(1)]))).status_code

        await eventually(status, "lines to be accepted again", expected=202)


async def test_without_a_connection_of_their_own_nothing_is_sent_and_the_edge_is_not_ready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchPublisher, "run", lambda _: asyncio.Event().wait())
    await put_cards(settings, card("svm"))
    async with running(settings) as client:

        async def single() -> int:
            return (await client.post("/predict_stream", json=HANDBOOK)).status_code

        await eventually(single, "single requests to be accepted", expected=202)
        problem = (await send(client, body(map(row, range(1000))))).json()
        assert (problem["code"], problem["accepted"], problem["refused"]) == ("broker_unavailable", 0, 0)
        assert (problem["unconfirmed"], problem["next_line"]) == ([], 1)
        assert not (await client.get("/readyz")).json()["checks"]["broker"]["ok"]


async def test_a_client_is_held_back_while_the_broker_does_not_acknowledge(
    own: Processes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, acknowledged = asyncio.Event(), Outbox._acknowledged

    async def noting(self: Outbox, sent: Any) -> bool:
        waits.set()
        return await acknowledged(self, sent)

    monkeypatch.setattr(Outbox, "_acknowledged", noting)
    port = free_port()
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{port}", "publish_timeout": 60.0})
    child = await own.run(services.broker(port))
    await put_cards(settings, card("svm"))
    lines = 200_000
    content = body(map(row, range(lines)))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        await pause(child)
        writer.write(b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-ndjson\r\n")
        writer.write(b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        await eventually(waits.is_set, "the edge to wait for the broker")
        blocked = writer.transport.get_write_buffer_size()
        child.process.send_signal(signal.SIGCONT)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert blocked > len(content) / 2
    assert b'"accepted":200000' in answer
    await records(settings, lines)


async def test_workers_that_lag_stop_a_request_and_it_says_where(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_lag": 500})
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        answer = await converse(client, Endless(pause=0.05))
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["unconfirmed"]) == (503, "lagging", [])
        assert problem["accepted"] == problem["next_line"] - 1 >= 500
        again = (await send(client, body([row(1)]), "?model=svm")).json()
        assert (again["code"], "accepted" in again) == ("lagging", False)
    assert {line_of(record) for record in await records(settings, problem["accepted"])} == set(
        range(1, problem["next_line"])
    )


async def test_a_model_that_is_not_ready_yet_stops_a_request_at_its_line(settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        lines = [row(1), b"{", value([row(3)], model="knn"), row(4)]
        answer = await send(client, body(lines))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "model_not_ready")
    assert (problem["accepted"], problem["refused"], problem["next_line"]) == (1, 1, 3)
    assert problem["detail"].endswith("Go on with line 3.")
    await records(settings, 1)


async def test_a_client_that_hangs_up_leaves_whole_lines_only(edge: httpx.AsyncClient, settings: Settings) -> None:
    _, writer = await asyncio.open_connection(edge.base_url.host, edge.base_url.port)
    writer.write(b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-ndjson\r\n")
    content = body([row(1), row(2)]) + b'{"Designation": 3}'
    writer.write(b"Content-Length: %d\r\n\r\n" % (len(content) + 1) + content)
    await writer.drain()
    found = await records(settings, 2)
    writer.close()
    await writer.wait_closed()
    assert sorted(map(line_of, found)) == [1, 2]
    assert (await send(edge, body([row(1)]))).status_code == 202
    await records(settings, 3)


@pytest.mark.parametrize("pause", [0.01, 0.0])
async def test_an_edge_that_is_told_to_stop_answers_with_what_it_has_accepted(
    own: Processes, settings: Settings, pause: float
) -> None:
    child, url = await served(own, settings)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        lines = Endless(pause)
        sending = asyncio.create_task(converse(client, lines))
        await eventually(lambda: lines.taken > 5000, "lines to flow")
        child.process.send_signal(signal.SIGTERM)
        answer = await sending
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["unconfirmed"]) == (503, "stopping", [])
    assert answer.headers["connection"] == "close"
    assert problem["accepted"] == problem["next_line"] - 1 > 0
    assert {line_of(record) for record in await records(settings, problem["accepted"])} == set(
        range(1, problem["next_line"])
    )
    assert await child.wait(5) == -signal.SIGTERM
    assert "Traceback" not in child.log.read_text()
