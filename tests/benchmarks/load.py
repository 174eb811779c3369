"""HTTP load from a process of its own: as much as so many connections bring, or at a fixed rate.

At a rate, requests are due by a schedule that no slow answer holds up, and the time of each is counted from when it
was due: what waits for a connection, or behind others, is in it (no coordinated omission).
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

import httptools
import msgspec
import uvloop

#: Seconds that answers are waited for after the last request.
_PATIENCE: Final = 30.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent.

    Attributes:
        port: Port on loopback.
        path: Path and query of the requests.
        bodies: Bodies, sent in turns.
        connections: Connections that are kept open; each has one request under way at most.
        seconds: For how long requests are sent.
        rate: Requests a second; None: each connection sends its next one as soon as it has its answer.
        core: Processor that the load runs on; None: any.
        media_type: Of the bodies.
    """

    port: int
    path: str
    bodies: Sequence[str]
    connections: int
    seconds: float
    rate: float | None = None
    core: int | None = None
    media_type: str = "application/json"


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One answer.

    Attributes:
        request: Number of the request; its body is that of this number, modulo the bodies.
        status: HTTP status.
        seconds: From when the request was due, or without a rate was sent, to the whole answer.
        body: Body of the answer.
    """

    request: int
    status: int
    seconds: float
    body: str


class Load(msgspec.Struct, frozen=True):
    """What came back.

    Attributes:
        seconds: From the first request to the last answer.
        answers: In the order that they came in.
    """

    seconds: float
    answers: list[Answer]


async def load(plan: Plan) -> Load:
    """Have another process send requests; its work holds up no clock here.

    Raises:
        RuntimeError: It failed, e.g. because a connection was cut, or its answer is not whole.
    """
    # A file: of a pipe, not all of the megabytes have come each time.
    with tempfile.TemporaryFile() as answers:
        command = (sys.executable, str(Path(__file__)))
        client = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=answers)
        try:
            await client.communicate(msgspec.json.encode(plan))
        finally:
            await _end(client)
        answers.seek(0)
        out = answers.read()
    if client.returncode:
        raise RuntimeError(f"The load on port {plan.port} failed.")
    try:
        return msgspec.json.decode(out, type=Load)
    except msgspec.DecodeError as exc:
        raise RuntimeError(f"The load on port {plan.port} ended well, and wrote {len(out):,} bytes: {exc}") from exc


async def _end(child: asyncio.subprocess.Process) -> None:
    """End a process that has not ended, as where its answer is not waited for any more."""
    if child.returncode is None:
        child.kill()
        await child.wait()


class Connection(asyncio.Protocol):
    """A connection with one request under way at most.

    Args:
        answered: Called with the connection, the number of the request, the status and the body.
        cut: Called where the server hangs up.
    """

    def __init__(self, answered: Callable[["Connection", int, int, bytes], None], cut: Callable[[], None]) -> None:
        self._answered = answered
        self._cut = cut
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""

    def send(self, number: int, request: bytes) -> None:
        """Send a request."""
        self._number = number
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's have another base

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so."""
        self._cut()

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        body, self._body = self._body, b""
        self._answered(self, self._number, self._parser.get_status_code(), body)


class Client:
    """Sends what a plan says.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = [_request(plan, body.encode()) for body in plan.bodies]
        self._answers: list[tuple[int, int, float, bytes]] = []
        self._since: dict[int, float] = {}
        self._idle: deque[Connection] = deque()
        self._due: deque[int] = deque()
        self._sent = 0
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._finished: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> Load:
        """Send until the time is over; return once all is answered."""
        for _ in range(self._plan.connections):
            _, connection = await self._loop.create_connection(
                lambda: Connection(self._answered, self._cut), "127.0.0.1", self._plan.port
            )
            self._idle.append(connection)
        started = time.monotonic()
        await self._send_all(started)
        self._over = True
        async with asyncio.timeout(_PATIENCE):
            await self._settled()
        took = time.monotonic() - started
        return Load(
            took, [Answer(number, status, seconds, body.decode()) for number, status, seconds, body in self._answers]
        )

    async def _send_all(self, started: float) -> None:
        plan = self._plan
        if plan.rate is not None:
            await asyncio.to_thread(self._pace, started, plan.rate, round(plan.rate * plan.seconds))
            return
        for _ in range(plan.connections):
            self._ask(started)
        await asyncio.sleep(plan.seconds)

    async def _settled(self) -> None:
        if self._since:
            await self._finished

    def _pace(self, started: float, rate: float, count: int) -> None:
        """Ask at each due time. A thread's sleep is exact to a tenth of a millisecond, an event loop's to a whole."""
        for number in range(count):
            due = started + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self._loop.call_soon_threadsafe(self._ask, due)

    def _ask(self, due: float) -> None:
        number, self._sent = self._sent, self._sent + 1
        self._since[number] = due
        self._due.append(number)
        self._send()

    def _send(self) -> None:
        while self._due and self._idle:
            number = self._due.popleft()
            self._idle.popleft().send(number, self._requests[number % len(self._requests)])

    def _answered(self, connection: Connection, number: int, status: int, body: bytes) -> None:
        now = time.monotonic()
        self._answers.append((number, status, now - self._since.pop(number), body))
        self._idle.append(connection)
        if self._plan.rate is None and not self._over:
            self._ask(now)
        else:
            self._send()
        if self._over and not self._since:
            self._finished.set_result(None)

    def _cut(self) -> None:
        if not self._finished.done():
            self._finished.set_exception(ConnectionError("The server has cut a connection."))


def _request(plan: Plan, body: bytes) -> bytes:
    head = (
        f"POST {plan.path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nUser-Agent: load\r\nAccept: */*\r\n"
        f"Content-Type: {plan.media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _run(plan: Plan) -> Load:
    return await Client(plan).run()


def main() -> None:
    """Read a plan, follow it, write what came back."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    gc.disable()  # no pause of ours is to count as the server's
    found = uvloop.run(_run(plan))
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
