"""The loop that brings one topic into one sink. It decodes nothing and decides nothing."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Generic

from streamapp.contracts.errors import ServiceError
from streamapp.sinks.ports import Batch, Displaced, Position, Sink, T
from streamapp.sinks.source import Source, TopicRecreated
from streamapp.sinks.standing import Standing
from streamapp.sinks.translate import Translate

_log = logging.getLogger(__name__)

#: Seconds between two looks at whether the broker and the sink are still what they were.
_CHECK_INTERVAL: Final = 2.0
#: Seconds until the first retry; doubled with each one up to the last.
_FIRST_DELAY: Final = 0.1
_LAST_DELAY: Final = 5.0


class Feed(Generic[T]):
    """Follows a topic into a sink from the position that the sink keeps, and starts over there after any failure.

    While it waits it holds no records and no connection to the broker.

    Args:
        name: What is fed, for logs.
        open_source: Connects to the topic.
        translate: Makes batches of records.
        sink: Keeps them.
        standing: Told how far the sink is behind.
    """

    def __init__(
        self,
        name: str,
        open_source: Callable[[], AbstractAsyncContextManager[Source]],
        translate: Translate[T],
        sink: Sink[T],
        standing: Standing,
    ) -> None:
        self.name = name
        self.standing = standing
        self._open_source = open_source
        self._translate = translate
        self._sink = sink
        self._trouble = ""
        self._delay = _FIRST_DELAY

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topic until `stop` is set; the batch at hand is finished first.

        Raises:
            SettingsError: The sink is not ours to write to.
        """
        try:
            while not stop.is_set():
                try:
                    await self._follow(stop)
                except ServiceError as exc:
                    self.standing.lost()
                    self._report(exc)
                    await self._wait(stop)
        finally:
            await self._sink.close()

    async def _follow(self, stop: asyncio.Event) -> None:
        async with self._open_source() as source:
            positions = await self._sink.positions(source.partitions)
            if not self._trouble:
                self._announce("follows from", positions)
            source.seek({partition: position.offset for partition, position in positions.items()})
            try:
                await self._copy(source, positions, stop)
            except TopicRecreated:
                await self._sink.restart(positions)
                raise

    async def _copy(self, source: Source, positions: dict[int, Position], stop: asyncio.Event) -> None:
        checked = time.monotonic()
        while not stop.is_set():
            read, unread = await source.read(), await source.lag()
            for partition, records in read.items():
                self.standing.read(partition, records[0].timestamp, len(records) + unread.get(partition, 0))
            for partition, records in read.items():
                batch = self._translate(partition, positions[partition], records)
                await self._sink.write(batch)
                positions[partition] = batch.after
                self.standing.kept(partition, records[-1].timestamp, unread.get(partition, 0))
                self._count(batch)
            self.standing.looked(await source.lag())
            if time.monotonic() - checked >= _CHECK_INTERVAL:
                await self._check(source, positions)
                checked = time.monotonic()

    async def _check(self, source: Source, positions: dict[int, Position]) -> None:
        if await self._sink.positions(positions) != positions:
            raise Displaced(
                "The sink was emptied, restored or written by another process. Following from what it keeps."
            )
        await source.check()
        if self._trouble:
            self._announce("goes on at", positions)
        self._trouble, self._delay = "", _FIRST_DELAY

    def _announce(self, what: str, positions: dict[int, Position]) -> None:
        offsets = " ".join(f"{partition}:{position.offset}" for partition, position in positions.items())
        _log.info("%s: %s %s", self.name, what, offsets)

    def _report(self, error: ServiceError) -> None:
        """Log a failure once, however often it repeats before all is well again."""
        if str(error) != self._trouble:
            _log.warning("%s: %s", self.name, error)
        self._trouble = str(error)

    async def _wait(self, stop: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), self._delay)
        self._delay = min(2 * self._delay, _LAST_DELAY)

    def _count(self, batch: Batch[T]) -> None:
        if batch.repeats:
            _log.info("%s: dropped %d repeats in partition %d", self.name, batch.repeats, batch.partition)
        if batch.strangers:
            _log.debug("%s: left out %d records of partition %d", self.name, batch.strangers, batch.partition)
