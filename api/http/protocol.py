"""HTTP as the edge speaks it: uvicorn's protocol, with bounds on what a connection may cost.

uvicorn reads headers and trailers of any length, waits for the rest of a request for ever, and answers what is no
HTTP with plain text.
"""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api import media_types
from api.errors import EdgeCode
from api.problems.responses import RETRY_AFTER, unread
from api.telemetry.requests import refused
from streamapp.contracts.settings import Settings
from streamapp.metrics import edge as metrics

if TYPE_CHECKING:
    from starlette.types import Scope

#: Most bytes of a request's path, query and headers; of a chunked body's trailers as well.
MOST_HEAD: Final = 64 * 1024
#: Most bytes of a request that are read and dropped once it is answered: clients that read no answer before they have
#: sent all get theirs.
_MOST_DROPPED: Final = 16 * 1024 * 1024
#: Seconds that a client has to hear that it is refused.
_LINGER: Final = 2.0
#: Most connections above the bound that hear it at one time; those above are closed without a word.
_MOST_TOLD: Final = 256
_LINES: Final = media_types.LINES.encode()


class Bounds(NamedTuple):
    """What connections may cost.

    Attributes:
        connections: How many there may be.
        seconds: How long a request may take to arrive, from its first byte to its last; how long an answer may wait
            for its client to read on.
    """

    connections: int
    seconds: float


class Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        bounds: What it may cost; see `bounded`.
        told: Connections above the bound that hear that they are refused.
    """

    bounds: Bounds
    told: set["Protocol"]
    # None until there is one, which uvicorn's types leave out.
    cycle: RequestResponseCycle | None  # type: ignore[assignment]
    scope: HTTPScope | None  # type: ignore[assignment]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: Bytes that came since a head was complete or something of a body was there.
        self._pending = 0
        #: What is being read, and since when.
        self._reading: tuple[object, float] | None = None
        #: Since when the client has to read for more to be written, or for the connection to be closed.
        self._unread_since: float | None = None
        self._refused = False
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Refuse a connection above the bound."""
        super().connection_made(transport)
        if len(self.connections) - len(self.told) <= self.bounds.connections:
            return
        if len(self.told) < _MOST_TOLD:
            self.told.add(self)
            self._refuse(EdgeCode.OVERLOADED, "Too many connections are open.")
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who answers that nobody listens; uvicorn tells it the last of the requests that came."""
        self.told.discard(self)
        self._disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; refuse what grows without becoming a request."""
        # What stands behind a head in the same piece is not counted below: no piece has more than a head may have.
        for start in range(0, len(data), MOST_HEAD):
            self._receive(data[start : start + MOST_HEAD])

    def _receive(self, data: bytes) -> None:
        if self._refused:
            return
        cycle = self.cycle
        had = 0 if cycle is None else len(cycle.body)
        super().data_received(data)
        if self.cycle is not cycle:
            came, self._pending = self._pending + len(data), 0
            if came > MOST_HEAD and self._head_bytes() > MOST_HEAD:
                self._refuse_head()
        elif cycle is not None and len(cycle.body) > had:
            self._pending = 0
        else:
            self._pending += len(data)
            dropped = cycle is not None and cycle.response_complete and self._has_head()
            if self._pending > (_MOST_DROPPED if dropped else MOST_HEAD):
                self._refuse_head()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle  # `cycle` is the last of those that came, and may still wait for its turn
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        super().pause_writing()
        self._unread_since = self.loop.time()

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._unread_since = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words for it
        """Say that it is no HTTP."""
        self._refuse(EdgeCode.MALFORMED_HTTP, "What came is not HTTP/1.1.")

    def end_if_slow(self, now: float) -> None:
        """Close the connection where a request takes too long to arrive, or an answer to be read.

        Asked from time to time for all connections: that costs a request nothing, where a timer would.

        Args:
            now: Time of the event loop.
        """
        if self.transport.is_closing() and self._unread_since is None:
            self._unread_since = now  # it closes once all is read
        if self._unread_since is not None and now - self._unread_since > self.bounds.seconds:
            self.transport.abort()
        elif not self._waits():
            self._reading = None
        elif self._reading is None or self._reading[0] is not self.scope:
            self._reading = self.scope, now
        elif now - self._reading[1] > self.bounds.seconds:
            self._give_up()

    def _waits(self) -> bool:
        """Say whether the client's next bytes are waited for, and nothing else."""
        if self._refused or self.flow.read_paused or self.transport.is_closing():
            return False
        cycle = self.cycle
        if cycle is None or not self._has_head():
            return True
        if cycle.response_complete:
            return self.timeout_keep_alive_task is None
        # A body of lines may take as long as its lines come; `bulk.body` looks after that.
        return cycle.more_body and not cycle.response_started and not self._is_lines()

    def _give_up(self) -> None:
        if self.cycle is not None and self._has_head() and not self.cycle.response_complete:
            self._refuse(EdgeCode.BODY_TIMEOUT, f"The body was not there within {self.bounds.seconds:g} s.")
        else:
            self.transport.close()  # nothing was asked

    def _has_head(self) -> bool:
        return self.scope is not None and "method" in self.scope

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _is_lines(self) -> bool:
        return any(name == b"content-type" and value.lower().startswith(_LINES) for name, value in self.headers)

    def _refuse_head(self) -> None:
        self._refuse(EdgeCode.HEADERS_TOO_LARGE, f"Path and headers may have {MOST_HEAD} bytes.")

    def _refuse(self, code: EdgeCode, detail: str) -> None:
        """Answer in the place of the application, and end; whoever still reads the request is told that it does.

        What still comes is dropped for a while: a connection with bytes that nobody has read is reset, and that can
        take the answer from a client that has not read it yet.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self.pipeline.clear()
        self._disconnect()
        status, body = unread(code, detail)
        self._count(status)
        headers = {"Content-Type": media_types.PROBLEM, "Content-Length": str(len(body)), "Connection": "close"}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers |= RETRY_AFTER
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)

    def _count(self, status: int) -> None:
        """Count an answer once: with its request where the application has that and has said nothing yet."""
        cycle = self._running
        if cycle is not None and cycle is self.cycle and not cycle.response_started:
            refused(cast("Scope", cycle.scope), status)
        else:
            metrics.unread(status)

    def _disconnect(self) -> None:
        for cycle in (self.cycle, self._running):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()


def bounded(settings: Settings) -> type[Protocol]:
    """Return the protocol with the bounds that the settings say."""
    bounds = Bounds(settings.max_connections, settings.request_timeout)
    return type("Protocol", (Protocol,), {"bounds": bounds, "told": set()})
