"""What an edge keeps of a request that is larger than it should ever hold in memory."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import psutil
from bulk_support import NDJSON, body, row, served

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
