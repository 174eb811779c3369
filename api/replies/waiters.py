"""Replies from the workers, each handed to the request that waits for it."""

import asyncio
import logging
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiokafka import ConsumerRecord

from api.errors import EdgeCode, Overloaded, Refusal
from api.replies.lease import Lease
from api.replies.listener import ROLE, Listener
from api.tasks.keeping import attempt
from streamapp.clients.consuming import partitions
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings

#: Most requests that may wait at once. Each costs some 8 KiB for its task, connection and headers.
MOST_WAITERS: Final = 4096
#: Seconds until a partition that could not be read is tried again.
_PAUSE: Final = 1.0

log = logging.getLogger(__name__)


class Waiter:
    """A request that waits for its reply.

    Args:
        name: Name of the edge.
        listener: Where the reply will come in.

    Attributes:
        reply: Done once the reply is there, or with None where none is to be waited for any longer.
        headers: What the request says on the input topic, so that a worker knows where to reply.
    """

    def __init__(self, name: str, listener: Listener) -> None:
        self.reply: asyncio.Future[ConsumerRecord | None] = asyncio.get_running_loop().create_future()
        self.headers = [
            (codec.REPLY_TO, name.encode()),
            (codec.REPLY_PARTITION, str(listener.partition).encode()),
        ]


class Replies:
    """Knows where this edge's replies come in, reads them, and hands each to its waiter.

    Replies come in on one partition of the replies topic: one that the lease gives this edge for its own, so that no
    other edge reads them. Where it gives none (a group takes seconds to assign; there may be more edges than
    partitions), the edge's name picks one, and those of others that come in on it are dropped. When the lease moves,
    the next requests name the new partition; the one before is read for as long as a request waits that named it.

    Args:
        settings: The settings in force.
        lease: Says which partitions are this edge's own.

    Attributes:
        name: Of this edge, new with every start: a reply to one before it is nobody's.
    """

    def __init__(self, settings: Settings, lease: Lease) -> None:
        self.name = uuid.uuid4().hex
        self._settings = settings
        self._lease = lease
        self._waiters: dict[str, Waiter] = {}
        self._listeners: dict[int, Listener] = {}
        self._current: Listener | None = None
        self._ending = False

    @property
    def waiting(self) -> int:
        """Requests that wait for their replies."""
        return len(self._waiters)

    @property
    def partition(self) -> int | None:
        """Partition that replies to the next request come in on; None where none is read."""
        return self._current.partition if self._current is not None and self._current.ready.is_set() else None

    @property
    def own(self) -> bool:
        """Whether the lease gives this edge that partition for its own."""
        return self.partition in self._lease.partitions

    @contextmanager
    def expect(self, record_id: str) -> Iterator[Waiter]:
        """Wait for the reply to a request while the block runs; enter it before the request is published.

        Args:
            record_id: Id of the request.

        Raises:
            BrokerUnavailable: No replies can be read (yet).
            Overloaded: Too many requests wait already.
            Refusal: One with this id does: the same `Idempotency-Key`, whose entry in Redis was lost.
        """
        listener = self._current
        if listener is None or not listener.ready.is_set():
            raise BrokerUnavailable("No replies can be read from the broker (yet); nothing was accepted.")
        if len(self._waiters) >= MOST_WAITERS:
            raise Overloaded("Too many requests wait for their predictions; nothing was accepted.")
        if record_id in self._waiters:
            raise Refusal(EdgeCode.IDEMPOTENCY_KEY_IN_FLIGHT, "The same request is under way; send it again later.")
        self._waiters[record_id] = waiter = Waiter(self.name, listener)
        listener.waiting += 1
        if self._ending:
            _settle(waiter, None)
        try:
            yield waiter
        finally:
            listener.waiting -= 1
            del self._waiters[record_id]
            waiter.reply.cancel()

    def end(self) -> None:
        """Let nobody wait any longer, now or later."""
        self._ending = True
        for waiter in self._waiters.values():
            _settle(waiter, None)

    async def run(self) -> None:
        """Read replies until cancelled.

        Raises:
            KafkaError: The broker does not answer, or has no replies topic.
        """
        count = len(await partitions(self._settings, self._settings.replies_topic, ROLE))
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._lease.changed.clear()
                await self._move_to(self._choose(count), tasks)
                await self._lease.changed.wait()

    def _choose(self, count: int) -> int:
        """Return the partition for the next requests: the one in use where it is as good as any."""
        own = sorted(self._lease.partitions)
        if self._current is not None and (not own or self._current.partition in own):
            return self._current.partition
        shared = zlib.crc32(self.name.encode())
        return own[shared % len(own)] if own else shared % count

    async def _move_to(self, partition: int, tasks: asyncio.TaskGroup) -> None:
        listener = self._listeners.get(partition)
        if listener is None:
            listener = self._listeners[partition] = Listener(self._settings, partition, self._take)
            tasks.create_task(self._listen(listener))
        listener.retired = False
        await listener.ready.wait()
        self._current = listener
        for other in self._listeners.values():
            other.retired = other is not listener

    async def _listen(self, listener: Listener) -> None:
        # One that is needed again while it ends goes on where it has come to.
        while (
            not await attempt(listener.run, f"partition {listener.partition} of the replies") or not listener.retired
        ):
            await asyncio.sleep(_PAUSE)
        del self._listeners[listener.partition]

    def _take(self, record: ConsumerRecord) -> None:
        headers = dict(record.headers)
        if headers.get(codec.REPLY_TO) != self.name.encode():
            return
        waiter = self._waiters.get(headers.get("ce_id", b"").decode(errors="replace"))
        if waiter is not None:
            _settle(waiter, record)


def _settle(waiter: Waiter, reply: ConsumerRecord | None) -> None:
    if not waiter.reply.done():
        waiter.reply.set_result(reply)
