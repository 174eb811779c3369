"""The traffic of a trial: requests over HTTP as long as it lasts, and records put straight on the topic."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chaos.ledger import Fate, Phase, Sent
from chaos.registry import ALIAS
from producer.pacing import paced
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings

#: Part of the proxy's view: a user's own client, whom no fault hits.
ROLE: Final = "chaos"
#: Share of records that are bad on purpose.
BAD: Final = 0.01
#: Share of the records put on the topic that have no headers: their place is their id.
PLAIN: Final = 0.05
#: Records put on the topic at once, and the seconds between.
CHUNK: Final = 250
CHUNK_EVERY: Final = 0.5
#: Seconds after which a client gives up; far above what the edge may take.
_GIVE_UP: Final = 10.0
_CONNECTIONS: Final = 64
_TICK: Final = 0.05
_HEADERS: Final = {"content-type": "application/json"}


class Entry(NamedTuple):
    """A record that is to be put on the input topic.

    Attributes:
        serial: Its serial.
        value: Its bytes.
        row: The row in it, None where there is none.
        code: Why it must become a dead letter, "" where it must be predicted.
        model: Alias that it asks for.
        id: Id that it is sent with; "": one of its own.
    """

    serial: int
    value: bytes | None
    row: dict[str, float] | None = None
    code: str = ""
    model: str = ALIAS
    id: str = ""


class Traffic:
    """Sends, and keeps in its ledger what became of each record.

    Args:
        settings: Settings of the trial.
        source: Draws rows and faults.
        records: Records of which so many at least are to be accepted.
        rate: HTTP requests a second.
        idempotent: Whether the broker has idempotent producers: a repeat of ours would look like one of theirs.

    Attributes:
        ledger: What was sent and is settled.
        rate: HTTP requests a second.
        phase: Of the trial.
        padding: Bytes by which each request over HTTP is larger than it has to be.
        offered: Bytes that were offered so far, over HTTP and to the broker.
    """

    def __init__(
        self, settings: Settings, source: random.Random, records: int, *, rate: float = 80.0, idempotent: bool = True
    ) -> None:
        self.ledger: list[Sent] = []
        self.rate = rate
        self.phase = Phase.BEFORE
        self.padding = 0
        self.offered = 0
        self._settings = settings
        self._random = source
        self._records = records
        self._idempotent = idempotent
        self._serials = itertools.count(1)
        self._stalled = 0.0
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Begin to send."""
        await self.connect()
        ways = (self._over_http(), self._in_chunks(), self._count_stalls())
        self._tasks = [asyncio.create_task(way) for way in ways]

    async def connect(self) -> None:
        """Connect to the broker; anew where it has refused a record for good: that leaves a gap in the sequence."""
        if self._producer is not None:
            await self._producer.stop()
        self._producer = kafka.producer(self._settings, ROLE, enable_idempotence=self._idempotent)
        await self._producer.start()

    async def finish(self) -> None:
        """Send what is left to be sent, and wait until everything is settled."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self.put(*itertools.islice(self.entries(), self._left()))

    async def close(self) -> None:
        """End the connections, whatever is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._producer is not None:
            await self._producer.stop()

    def accepted(self) -> int:
        """Return how many records are known to be on the input topic."""
        return sum(sent.fate is Fate.ACCEPTED for sent in self.ledger)

    def let_in(self) -> int:
        """Return how many requests the edge has accepted in this phase."""
        return sum(
            sent.fate is Fate.ACCEPTED and sent.phase is self.phase and bool(sent.answer) for sent in self.ledger
        )

    async def put(self, *entries: Entry, partition: int | None = None) -> None:
        """Put records on the input topic, on random partitions or all on one, and wait for the broker."""
        await asyncio.gather(*[self._put(entry, partition) for entry in entries])

    async def insist(self, times: int) -> None:
        """Ask for one row again and again over HTTP; by its serial alone each request is known from the others."""
        row = self._row()
        async with _session() as session:
            for _ in range(times):
                await self._ask(session, row | {"Serial": next(self._serials)})

    async def insist_on_topic(self, times: int) -> None:
        """Put records with one and the same id on the topic, one after the other; they are so many records."""
        good = (entry for entry in self.entries() if not entry.code)
        same = ""
        for entry in itertools.islice(good, times):
            same = same or f"insists-{entry.serial}"
            await self.put(entry._replace(id=same))

    def entries(self, model: str = ALIAS, padding: int = 0, **features: float) -> Iterator[Entry]:
        """Yield records, some bad, without end; for another model, or with further features, all good."""
        while True:
            if model == ALIAS and self._random.random() < BAD:
                yield self._bad()
            else:
                row = self._row() | features
                value = codec.encode_request(_rows(row, padding), None, model)
                yield Entry(int(row["Serial"]), value, row, model=model)

    # -- straight to the topic

    async def _in_chunks(self) -> None:
        chunks = itertools.count() if self._records else ()
        async for _ in paced(chunks, 1 / CHUNK_EVERY, self._stop):
            await self.put(*itertools.islice(self.entries(), min(CHUNK, self._left())))

    def _left(self) -> int:
        return max(self._records - self.accepted(), 0)

    def _bad(self) -> Entry:
        serial = next(self._serials)
        data = msgspec.json.encode([{"Serial": serial, "Sleep_Hours": "much"}])
        values = {
            "malformed_json": b'{"payload": {"data": [{"Serial": %d' % serial,
            "null_record": None,
            "wrong_type": codec.encode_request(data, None, ALIAS),
            "unknown_model": codec.encode_request(data, None, "nosuch"),
        }
        code = self._random.choice(sorted(values))
        return Entry(serial, values[code], code=code)

    async def _put(self, entry: Entry, partition: int | None) -> None:
        plain = not (entry.code or entry.id) and self._random.random() < PLAIN
        id_ = entry.id or f"chaos-{entry.serial}"
        self.offered += len(entry.value or b"")
        headers = None if plain else codec.request_headers(id_, "/chaos")
        if partition is None:
            partition = self._random.randrange(self._settings.partitions)
        topic, fate = self._settings.input_topic, Fate.ACCEPTED
        try:
            # The client sends no record with neither key nor value.
            key = b"null" if entry.value is None else None
            stood = await self._started().send_and_wait(
                topic, entry.value, key=key, partition=partition, headers=headers
            )
            id_ = f"{topic}-{stood.partition}-{stood.offset}" if plain else id_
        except KafkaError:
            fate, id_ = Fate.UNKNOWN, "" if plain else id_
        self.ledger.append(Sent(entry.serial, fate, id_, entry.row, entry.model, entry.code, phase=self.phase))

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("put was called before start")
        return self._producer

    # -- over HTTP

    async def _over_http(self) -> None:
        free = asyncio.Semaphore(_CONNECTIONS)
        async with _session() as session, asyncio.TaskGroup() as requests:
            async for _ in paced(itertools.count(), self.rate, self._stop):
                await free.acquire()
                asked = requests.create_task(self._ask(session, self._row()))
                asked.add_done_callback(lambda _: free.release())

    async def _ask(self, session: aiohttp.ClientSession, row: dict[str, float]) -> None:
        bad = self._random.random() < BAD
        body = b'{"data": %b}' % _rows(row | {"Nonsense": 1} if bad else row, self.padding)
        self.offered += len(body)
        clock = asyncio.get_running_loop().time
        start, stalled = clock(), self._stalled
        asked = Sent(int(row["Serial"]), Fate.UNKNOWN, row=row, model=ALIAS, bad=bad)
        sent = await self._post(session, asked, body)
        seconds = clock() - start - (self._stalled - stalled)
        self.ledger.append(sent._replace(seconds=seconds, phase=self.phase))

    async def _post(self, session: aiohttp.ClientSession, sent: Sent, body: bytes) -> Sent:
        url = f"http://127.0.0.1:{self._settings.api_port}/predict_stream"
        try:
            async with session.post(url, params={"model": ALIAS}, data=body) as response:
                answer = await response.read()
        except aiohttp.ClientConnectorError:
            return sent._replace(fate=Fate.REFUSED, answer="no connection")
        except (aiohttp.ClientError, TimeoutError) as exc:
            return sent._replace(answer=type(exc).__name__)
        retry = "Retry-After" in response.headers
        sent = sent._replace(answer=str(response.status), retry_after=retry)
        if response.status == HTTPStatus.ACCEPTED:
            return sent._replace(fate=Fate.ACCEPTED, id=msgspec.json.decode(answer)["id"])
        return sent._replace(fate=Fate.REFUSED) if response.status < HTTPStatus.INTERNAL_SERVER_ERROR else sent

    async def _count_stalls(self) -> None:
        """Add up how long this process itself was held up: an answer that waited for us was not late."""
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            start = clock()
            await asyncio.sleep(_TICK)
            self._stalled += clock() - start - _TICK

    def _row(self) -> dict[str, float]:
        serial = next(self._serials)
        return {
            "Serial": serial,
            "Sleep_Hours": self._random.choice((5.0, 6.5, 8.0)),
            "Team_Size": round(self._random.uniform(1, 20), 3),
        }


def _rows(row: dict[str, float], padding: int) -> bytes:
    """Return one row as JSON, with white space that everybody keeps up to its end."""
    return msgspec.json.encode([row])[:-1] + b" " * padding + b"]"


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_GIVE_UP), connector=connector, headers=_HEADERS)
