"""A proxy between the parts and the broker that makes the network bad for one of them and leaves the others alone."""

import asyncio
import contextlib
import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Final, NamedTuple, Self

from chaos import frames
from streamapp.embedded.processes import free_port

#: Bytes that wait in the proxy for a slow reader, a direction and connection, beside the frame at hand.
_BUFFER: Final = 64 * 1024
#: Seconds between looks whether the weather that holds a frame up has changed.
_LOOK_EVERY: Final = 0.1


class Weather(NamedTuple):
    """What the network does to one part's connections.

    Attributes:
        black_hole: Nothing arrives, in neither direction; connections stay open, and new ones are accepted.
        loses_produce_responses: The broker gets what is produced, but its answer never arrives.
        latency: Seconds that a frame takes, drawn evenly between the two.
        bytes_per_second: Most bytes a second, a connection and direction.
    """

    black_hole: bool = False
    loses_produce_responses: bool = False
    latency: tuple[float, float] = (0.0, 0.0)
    bytes_per_second: float = math.inf


CLEAR: Final = Weather()


class Link:
    """A connection of a client: its role is known with its first request."""

    def __init__(self, client: asyncio.StreamWriter, served: "asyncio.Future[None]") -> None:
        self.role = ""
        #: Done once it is at an end.
        self.served = served
        #: Bytes of it were lost. A connection cannot go on behind that: nothing passes any more, and it is cut when
        #: the weather clears.
        self.broken = False
        self.producing: set[int] = set()
        self.writers = [client]

    def cut(self) -> None:
        """Close it, both ways."""
        for writer in self.writers:
            with contextlib.suppress(RuntimeError):  # its event loop has ended
                writer.close()


class Proxy:
    """Listens on `port` and passes everything on to the broker, as the weather of the part allows.

    Frames are passed one by one; who reads slowly holds up who writes. The broker has to advertise `port`.

    Args:
        target: The broker's own port on loopback.

    Attributes:
        port: Port that clients connect to.
        passed: Frames passed on, by role.
        lost: Frames lost, by role.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.passed: defaultdict[str, int] = defaultdict(int)
        self.lost: defaultdict[str, int] = defaultdict(int)
        self._target = target
        self._weather: dict[str, Weather] = {}
        self._links: set[Link] = set()
        self._random = random.Random(0)  # noqa: S311  # weather, not a secret
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=_BUFFER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await asyncio.gather(*(link.served for link in self._links))

    def seed(self, seed: str) -> None:
        """Let the latencies from now on be those of a seed."""
        self._random.seed(seed)

    def frames(self, role: str) -> int:
        """Return how many frames of a role came by, those that were lost among them."""
        return self.passed[role] + self.lost[role]

    def set(self, role: str, weather: Weather) -> None:
        """Let there be this weather for a role from now on. Connections that lost something end when it clears."""
        self._weather[role] = weather
        if not weather.black_hole:
            for link in self._of(role):
                if link.broken:
                    link.cut()

    def clear(self) -> None:
        """Let the weather be fine for all."""
        for role in self._weather:
            self.set(role, CLEAR)

    @contextlib.contextmanager
    def weather(self, weather: Weather, *roles: str) -> Iterator[None]:
        """Have bad weather for some roles while the block lasts."""
        for role in roles:
            self.set(role, weather)
        try:
            yield
        finally:
            for role in roles:
                self.set(role, CLEAR)

    def cut(self, role: str | None = None) -> None:
        """Close the connections of a role; None: all."""
        for link in self._of(role):
            link.cut()

    def _of(self, role: str | None) -> list[Link]:
        return [link for link in self._links if role in {None, link.role}]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer, asyncio.get_running_loop().create_future())
        self._links.add(link)
        try:
            async for request in frames.frames(reader):
                link.role = frames.role(request)
                if self._swallows(link):
                    continue
                await self._connect(link, request, reader, writer)
                return
        except OSError:
            pass  # no broker there: the client sees its connection close, as it would without us
        finally:
            link.cut()
            self._links.discard(link)
            link.served.set_result(None)

    async def _connect(
        self, link: Link, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers, broker = await asyncio.open_connection("127.0.0.1", self._target, limit=_BUFFER)
        link.writers.append(broker)
        ways = [
            asyncio.create_task(self._requests(link, _chain(first, frames.frames(reader)), broker)),
            asyncio.create_task(self._responses(link, frames.frames(answers), writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(self, link: Link, requests: AsyncIterator[bytes], broker: asyncio.StreamWriter) -> None:
        async for request in requests:
            if frames.api_key(request) == frames.PRODUCE:
                link.producing.add(frames.correlation_id(request))
            await self._pass(link, request, broker)

    async def _responses(self, link: Link, responses: AsyncIterator[bytes], client: asyncio.StreamWriter) -> None:
        async for response in responses:
            number = frames.answered_id(response)
            produced = number in link.producing
            link.producing.discard(number)
            link.broken |= produced and self._current(link).loses_produce_responses
            await self._pass(link, response, client)

    async def _pass(self, link: Link, frame: bytes, writer: asyncio.StreamWriter) -> None:
        weather = self._current(link)
        pause = self._random.uniform(*weather.latency) + len(frame) / weather.bytes_per_second
        await self._linger(link, weather, pause)
        if self._swallows(link):
            return
        self.passed[link.role] += 1
        writer.write(frame)
        await writer.drain()

    async def _linger(self, link: Link, weather: Weather, seconds: float) -> None:
        """Hold a frame up, for as long as the weather lasts at most."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while (left := until - clock()) > 0 and self._current(link) == weather:
            await asyncio.sleep(min(left, _LOOK_EVERY))

    def _swallows(self, link: Link) -> bool:
        link.broken |= self._current(link).black_hole
        if link.broken:
            self.lost[link.role] += 1
        return link.broken

    def _current(self, link: Link) -> Weather:
        return self._weather.get(link.role, CLEAR)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for frame in rest:
        yield frame
