"""An edge process as users run it, spoken to over raw sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

import msgspec
import psutil
from edge_support import put_cards
from unique import environment

from streamapp.contracts.card import ModelCard
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child, Processes, Program, answering, free_port

GOOD = b'{"data": [{"Team_Size": 3, "Sleep_Hours": 7}]}'


class Answer(NamedTuple):
    """What came back, all of it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The problem's code, "" where the answer is none."""
        return str(self.json().get("code", ""))

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class EdgeProcess:
    """A process that serves the edge on a port of its own."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port
        self.process = psutil.Process(child.pid)

    @property
    def memory(self) -> int:
        return int(self.process.memory_info().rss)

    @property
    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def converse(self, pieces: Iterable[bytes], pause: float = 0.0) -> Answer | None:
        """Send pieces until an answer comes; None where the connection is closed without one."""
        reader, writer = await self.connect()
        answering = asyncio.create_task(read_answer(reader))
        try:
            for piece in pieces:
                if answering.done():
                    break
                writer.write(piece)
                await writer.drain()
                if pause:
                    await asyncio.wait([answering], timeout=pause)
        except ConnectionError:
            pass  # it has heard enough
        try:
            return await asyncio.wait_for(answering, 20)
        finally:
            writer.close()

    async def post(self, body: bytes, target: str = "/predict_stream?model=large", **headers: str) -> Answer:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        answer = await self.converse([head("POST", target, fields), body])
        assert answer is not None
        return answer

    async def get(self, target: str) -> Answer:
        answer = await self.converse([head("GET", target, {})])
        assert answer is not None
        return answer


def head(method: str, target: str, fields: dict[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: edge", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def read_answer(reader: asyncio.StreamReader) -> Answer | None:
    """Read one answer; None where the connection ends before it."""
    try:
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        return Answer(int(status.split()[1]), headers, await reader.readexactly(int(headers["content-length"])))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def serving(processes: Processes, settings: Settings, *cards: ModelCard) -> AsyncIterator[EdgeProcess]:
    """Start an edge process that knows these models."""
    settings = settings.model_copy(update={"api_port": free_port()})
    await put_cards(settings, *cards)
    ready = answering(f"http://127.0.0.1:{settings.api_port}/readyz")
    program = Program(f"edge-{settings.api_port}", (sys.executable, "-m", "api"), ready, env=environment(settings))
    child = await processes.run(program)
    yield EdgeProcess(child, settings.api_port)
    await processes.stop(child)
