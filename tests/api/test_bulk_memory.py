"""What an edge keeps of requests that are larger than it should ever hold in memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import psutil
from bulk_support import NDJSON, answer_of, body, row, send, sending, served

from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes

MIB = 1024 * 1024
#: A line of a thousand bytes, most of them white space.
LINE = b'{"Designation": 1.5, ' + b" " * 950 + b'"Sleep_Hours": 7}\n'


async def repeated(line: bytes, size: int) -> AsyncIterator[bytes]:
    piece = line * (64 * 1024 // len(line))
    for _ in range(0, size, len(piece)):
        yield piece


async def one_line(size: int) -> AsyncIterator[bytes]:
    """A line of so many bytes between two that fit."""
    yield body([row(1)])
    async for piece in repeated(b"x", size):
        yield piece
    yield b"\n" + body([row(3)])


async def most_memory(pid: int, task: "asyncio.Task[httpx.Response]") -> int:
    """Return the most memory that a process has while something goes on."""
    process, most = psutil.Process(pid), 0
    while not task.done():
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(0.02)
    return most


async def test_memory_does_not_grow_with_the_body(own: Processes, settings: Settings) -> None:
    child, url = await served(own, settings)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=100) as client:

        async def sent(content: AsyncIterator[bytes]) -> tuple[int, httpx.Response]:
            task = asyncio.create_task(client.post("/predict_stream", content=content, headers=NDJSON))
            return await most_memory(child.pid, task), await task

        few, _ = await sent(repeated(LINE, 4 * MIB))
        many, answer = await sent(repeated(LINE, 64 * MIB))
        long, refused = await sent(one_line(100 * MIB))
    assert answer.json()["accepted"] == answer.json()["lines"] > 60_000
    assert (refused.json()["accepted"], refused.json()["errors"][0]["line"]) == (2, 2)
    assert refused.json()["errors"][0]["code"] == "record_too_large"
    assert max(many, long) - few < 12 * MIB


async def test_memory_does_not_grow_with_the_number_of_those_that_leave_a_line_unfinished(
    own: Processes, settings: Settings
) -> None:
    clients, begun = 300, body([row(1)]) + b'{"Designation": 1' + b" " * 800_000
    child, url = await served(own, settings)
    process = psutil.Process(child.pid)
    before = most = process.memory_info().rss
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client, AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(sending(client.base_url, begun, more=1)) for _ in range(clients)]
        answers = [asyncio.create_task(answer_of(reader)) for reader in readers]
        while sum(answer.done() for answer in answers) < clients * 0.9:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.02)
        assert (await send(client, body([row(1)]))).status_code == 202
        for answer in answers:
            answer.cancel()
        told = await asyncio.gather(*answers, return_exceptions=True)
    codes = Counter(answer.json()["code"] for answer in told if isinstance(answer, httpx.Response))
    assert codes.keys() == {"overloaded"}
    assert most - before < 100 * MIB
