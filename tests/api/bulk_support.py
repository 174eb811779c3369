"""What the tests of bulk requests share."""

import asyncio
import json
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiokafka import ConsumerRecord
from aiokafka.structs import TopicPartition
from edge_support import card, put_cards
from unique import environment

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child, Processes, Program, answering, free_port

NDJSON = {"content-type": "application/x-ndjson"}
HEAD = (
    b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n"
)


def row(number: int) -> dict[str, float]:
    """Return a row that tells which line it comes from."""
    return {"Designation": number, "Sleep_Hours": 7.5}


async def served(processes: Processes, settings: Settings) -> tuple[Child, str]:
    """Start an edge as a process of its own, which knows a model; return it and its URL."""
    settings = settings.model_copy(update={"api_port": free_port()})
    await put_cards(settings, card("svm"))
    url = f"http://127.0.0.1:{settings.api_port}"
    program = Program("edge", (sys.executable, "-m", "api"), answering(f"{url}/readyz"), env=environment(settings))
    return await processes.run(program), url


def value(data: list[Any], columns: list[str] | None = None, model: str = "svm") -> dict[str, Any]:
    """Return a request as it stands on the topic."""
    return {"payload": {"data": data, "columns": columns}, "model": model}


def body(lines: Iterable[Any]) -> bytes:
    """Return lines as a body: texts as they are, all else as JSON."""
    return b"".join(encoded(line) + b"\n" for line in lines)


def encoded(line: Any) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line).encode()


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def send(
    client: httpx.AsyncClient, content: bytes | AsyncIterable[bytes], query: str = "", **headers: str
) -> httpx.Response:
    return await client.post(f"/predict_stream{query}", content=content, headers=NDJSON | headers)


async def converse(client: httpx.AsyncClient, content: AsyncIterable[bytes]) -> httpx.Response:
    """Send a body until its answer comes; httpx would look for it at the end of the body only."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n")
    writer.write(b"Content-Type: application/x-ndjson\r\nConnection: close\r\n\r\n")
    answering = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
    async for piece in content:
        if answering.done():
            break
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    status, *fields = (await answering).decode().split("\r\n")[:-2]
    headers = dict(field.split(": ", 1) for field in fields)
    answer = httpx.Response(int(status.split()[1]), headers=headers, content=await reader.read())
    writer.close()
    await writer.wait_closed()
    return answer


def line_of(record: ConsumerRecord) -> int:
    """Return the number of the line that a record comes from."""
    return int(dict(record.headers)["ce_id"].decode().rpartition("-")[2])


def request_of(record: ConsumerRecord) -> str:
    """Return the id of the request that a record comes from."""
    return str(dict(record.headers)["ce_id"].decode().rpartition("-")[0])


async def on_topic(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """Read an input topic to its end, each partition in its order."""
    found: list[ConsumerRecord] = []
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    async with kafka.consumer(settings, "test") as consumer:
        consumer.assign(partitions)
        quiet = 0
        while quiet < 3:
            fetched = await consumer.getmany(timeout_ms=300)
            quiet = 0 if fetched else quiet + 1
            found += [record for batch in fetched.values() for record in batch]
    return found


def by_partition(records: Iterable[ConsumerRecord]) -> dict[int, list[int]]:
    """Return the lines that records come from, by partition and in the order of the partition."""
    found: dict[int, list[int]] = {}
    for record in records:
        found.setdefault(record.partition, []).append(line_of(record))
    return found


@asynccontextmanager
async def sending(url: httpx.URL, content: bytes, more: int = 0) -> AsyncIterator[asyncio.StreamReader]:
    """Begin a request whose body is to have so many bytes more; gives what reads the answer."""
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(HEAD % (len(content) + more) + content)
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def answer_of(reader: asyncio.StreamReader) -> httpx.Response:
    """Read an answer while its request is still being sent."""
    async with asyncio.timeout(10):
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = dict(field.split(": ", 1) for field in fields)
        content = await reader.readexactly(int(headers["content-length"]))
    return httpx.Response(int(status.split()[1]), headers=headers, content=content)
