"""The records of one bulk request on their way to the broker."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import compress, groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from api.bulk.records import Record
from api.publishing.batch_publisher import BatchPublisher
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.metrics import edge as metrics

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

#: Record batches of one request that may be unacknowledged. No more of the request is read while they are.
WINDOW: Final = 4


class _Contents(NamedTuple):
    """What a record batch has: the line that each record comes from, the model that it asks, how many rows it has."""

    lines: list[int]
    models: list[str]
    rows: list[int]

    def add(self, record: Record) -> None:
        self.lines.append(record.line)
        self.models.append(record.model)
        self.rows.append(record.rows)


class _Sent(NamedTuple):
    """A record batch on its way.

    Attributes:
        contents: What is in it.
        settled: Done once it is acknowledged, or has failed.
        due: When that has to be, by the loop's clock.
    """

    contents: _Contents
    settled: "asyncio.Future[RecordMetadata]"
    due: float


class _Open(NamedTuple):
    """A record batch that is being filled: aiokafka's builder, and what is in it."""

    builder: Any
    contents: _Contents


class Outbox:
    """Fills record batches, one open for each topic, and sends them; few are unacknowledged at a time.

    Consecutive records for a topic go to one partition until they are sent, then to the next one. So records that are
    in the same partition are in the order of their lines.

    Args:
        publisher: Takes the record batches.
        patience: Seconds within which the broker has to acknowledge one.
        record_id: Id of the request; that of a record is followed by `-` and the number of its line.
        headers: Headers of every record beside its id.

    Attributes:
        accepted: Records that were acknowledged.
    """

    def __init__(
        self, publisher: BatchPublisher, patience: float, record_id: str, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        self.accepted = 0
        self._publisher = publisher
        self._patience = patience
        self._id = record_id.encode()
        self._headers = headers
        self._open: dict[str, _Open] = {}
        self._sent: deque[_Sent] = deque()
        self._unconfirmed: set[int] = set()

    @property
    def unconfirmed(self) -> list[tuple[int, int]]:
        """Ranges of lines, both ends included, whose records may be on a topic or not."""
        return list(_ranges(sorted(self._unconfirmed)))

    def expect(self, records: Sequence[Record]) -> None:
        """Count as unconfirmed what is about to be put.

        Raises:
            BrokerUnavailable: There is no connection, so that nothing would be sent; none of them was counted.
        """
        if records:
            self._publisher.require_connection()
        self._unconfirmed.update(record.line for record in records)

    async def put(self, records: Sequence[Record]) -> None:
        """Take records that are expected; send what is full, and wait while too much is unacknowledged.

        Raises:
            BrokerUnavailable: The broker takes no more, or has not acknowledged in time.
        """
        for record in records:
            while not self._append(record):
                await self._send(record.topic)

    async def flush(self) -> None:
        """Send what is open.

        Raises:
            BrokerUnavailable: As above.
        """
        for topic in list(self._open):
            await self._send(topic)

    async def relieve(self) -> None:
        """Wait until all that was sent is acknowledged, where all requests together have too much on its way.

        Raises:
            BrokerUnavailable: It was not in time.
        """
        while self._sent and self._publisher.is_full:
            await self._acknowledge_next()

    async def settle(self) -> None:
        """Wait until all that was sent is acknowledged, or its time is up."""
        while self._sent:
            await self._acknowledged(self._sent.popleft())

    def _append(self, record: Record) -> bool:
        """Put a record into its topic's open batch; say whether there was room in it."""
        batch = self._open.get(record.topic)
        if batch is None:
            batch = self._open.setdefault(record.topic, _Open(self._publisher.batch(), _Contents([], [], [])))
        headers = [("ce_id", b"%b-%d" % (self._id, record.line)), *self._headers]
        if batch.builder.append(timestamp=None, key=None, value=record.value, headers=headers) is None:
            return False
        batch.contents.add(record)
        return True

    async def _send(self, topic: str) -> None:
        while len(self._sent) >= WINDOW:
            await self._acknowledge_next()
        batch = self._open.pop(topic)
        settled = await self._publisher.send(batch.builder, topic)
        due = asyncio.get_running_loop().time() + self._patience
        self._sent.append(_Sent(batch.contents, settled, due))
        settled.add_done_callback(self._forget)  # a client that sends no more would have it kept

    async def _acknowledge_next(self) -> None:
        if not await self._acknowledged(self._sent.popleft()):
            raise BrokerUnavailable("The broker did not acknowledge records in time.")

    async def _acknowledged(self, sent: _Sent) -> bool:
        left = sent.due - asyncio.get_running_loop().time()
        await asyncio.wait([sent.settled], timeout=max(0.0, left))
        if not _is_acknowledged(sent.settled):
            return False
        self._confirm(sent.contents)
        return True

    def _forget(self, _: "asyncio.Future[RecordMetadata]") -> None:
        """Keep nothing of what is acknowledged, up to what is not yet; what has failed stays for who waits for it."""
        while self._sent and _is_acknowledged(self._sent[0].settled):
            self._confirm(self._sent.popleft().contents)

    def _confirm(self, contents: _Contents) -> None:
        self.accepted += len(contents.lines)
        self._unconfirmed.difference_update(contents.lines)
        _count(contents)


def _is_acknowledged(settled: "asyncio.Future[RecordMetadata]") -> bool:
    return settled.done() and not settled.cancelled() and settled.exception() is None


def _count(contents: _Contents) -> None:
    """Count records that were acknowledged."""
    for model, records in Counter(contents.models).items():
        rows = compress(contents.rows, map(model.__eq__, contents.models))
        metrics.accepted(model, records, sum(rows))


def _ranges(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return ascending numbers as ranges."""
    for _, run in groupby(enumerate(numbers), key=lambda item: item[1] - item[0]):
        found = [number for _, number in run]
        yield found[0], found[-1]
