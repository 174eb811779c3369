"""When a bulk request is read no further, and what is then done with what still comes of it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import httpx
import pytest
from bulk_support import answer_of, body, converse, row, send, sending, value
from edge_support import card, put_cards, ready, running
from unique import environment
from waiting import eventually

from api.bulk.lines import Line, Lines
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes, Program, answering, free_port


async def test_a_request_that_is_there_to_its_end_is_answered_without_waiting_for_more(
    edge: httpx.AsyncClient,
) -> None:
    stopped = value([row(2)], model="marketplace")  # has no card yet
    async with asyncio.timeout(5):
        answer = await send(edge, body([row(1), stopped]))
    assert (answer.json()["code"], answer.json()["next_line"]) == ("model_not_ready", 2)
    assert "connection" not in answer.headers


async def test_a_body_that_does_not_come_is_not_waited_for(settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings.model_copy(update={"request_timeout": 0.3})) as edge:
        await eventually(lambda: ready(edge), "the edge to be ready")
        async with sending(edge.base_url, body([row(1), b"{"]) + b'{"Desig', more=10) as reader:
            answer = await answer_of(reader)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (408, "body_timeout")
    assert (problem["accepted"], problem["refused"], problem["next_line"]) == (1, 1, 3)
    assert (problem["unconfirmed"], answer.headers["connection"]) == ([], "close")


@pytest.mark.bad_input(28)
@pytest.mark.parametrize("byte", [b"7", b"\n"])
async def test_28_lines_that_trickle_in_are_not_waited_for(settings: Settings, byte: bytes) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings.model_copy(update={"request_timeout": 0.5})) as edge:
        await eventually(lambda: ready(edge), "the edge to be ready")
        async with asyncio.timeout(10):
            answer = await converse(edge, trickle(body([row(1)]), *[byte] * 100))
    assert (answer.status_code, answer.json()["code"], answer.json()["accepted"]) == (408, "body_timeout", 1)


async def test_a_request_may_take_longer_than_each_of_its_lines(settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings.model_copy(update={"request_timeout": 0.5})) as edge:
        await eventually(lambda: ready(edge), "the edge to be ready")
        answer = await converse(edge, trickle(*[body([row(1)])] * 10))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 10)


async def trickle(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0.1)


async def test_of_a_large_piece_only_a_part_is_made_lines_at_a_time(
    edge: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed, most = Lines.feed, []

    def noting(self: Lines, piece: bytes) -> list[Line]:
        lines = feed(self, piece)
        most.append(len(lines))
        return lines

    monkeypatch.setattr(Lines, "feed", noting)
    answer = await send(edge, b"7\n" * 100_000)
    assert answer.json()["refused"] == sum(most) == 100_000
    assert max(most) <= 16 * 1024


async def test_a_client_that_goes_on_sending_does_not_keep_an_edge_from_its_end(
    own: Processes, settings: Settings
) -> None:
    settings = settings.model_copy(update={"api_port": free_port()})
    await put_cards(settings, card("svm"))
    url = httpx.URL(f"http://127.0.0.1:{settings.api_port}")
    ready = answering(f"{url}/readyz")
    child = await own.run(Program("edge", (sys.executable, "-m", "api"), ready, env=environment(settings)))
    async with sending(url, body([row(1), value([row(2)], model="knn")]), more=10) as reader:
        answer = await answer_of(reader)
        child.process.send_signal(signal.SIGTERM)
        assert await child.wait(5) == -signal.SIGTERM
    assert answer.json()["code"] == "model_not_ready"
    assert "Traceback" not in child.log.read_text()
