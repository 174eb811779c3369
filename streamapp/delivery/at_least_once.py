"""At-least-once delivery: record batches, acknowledged by all in-sync replicas, retried until they are."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.delivery import producers
from streamapp.delivery.lookback import Lookback
from streamapp.delivery.port import never
from streamapp.delivery.records import Target, outputs
from streamapp.delivery.wire import Output, RecordBatch
from streamapp.scoring.records import Outcome

log = logging.getLogger(__name__)

#: Seconds between looks at whether a batch under way was given up.
_LOOK: Final = 0.1


class AtLeastOnce:
    """Writes each batch's outputs as whole record batches: one a partition, more where they grow too large.

    A request that the broker did not acknowledge is repeated until it is. Where the broker has idempotent producers
    aiokafka does so, and a request whose answer was lost is written once. Elsewhere it is done from here, with
    backoff, after a look whether the record batch has arrived. The order within a partition is kept: its next record
    batch is made only after the last was acknowledged. Where several input partitions deliver to one output partition
    they take turns, so that a look has one record batch to look for.

    Args:
        settings: The settings in force.
        idempotent: Whether the broker has idempotent producers.
        backoff: Seconds before the first repeat; doubled each time up to `max_backoff`.
        max_backoff: Longest pause between repeats, in seconds.
    """

    commits_offsets: Final = False

    def __init__(
        self, settings: Settings, *, idempotent: bool = False, backoff: float = 0.1, max_backoff: float = 5.0
    ) -> None:
        self._settings = settings
        self._lookback = None if idempotent else Lookback(settings)
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._producer: AIOKafkaProducer | None = None
        self._turns: defaultdict[Target, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """
        self._producer = await producers.started(self._settings, enable_idempotence=self._lookback is None)
        if self._lookback is not None:
            # Record batches expire at once, which only counts where a request failed: aiokafka would just repeat it.
            self._producer._message_accumulator._batch_ttl = 0  # noqa: SLF001  # there is no option for it

    async def stop(self) -> None:
        """Disconnect; what was not acknowledged may or may not arrive."""
        if self._producer is not None:
            await producers.discard(self._producer)

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Deliver the outcome of one batch; returns when all of it is acknowledged, or once it is given up."""
        await asyncio.gather(
            *(self._write(target, records, given_up) for target, records in outputs(outcome, self._settings))
        )

    async def release(self) -> None:
        """Do nothing: one producer serves all partitions."""

    async def publish(self, topic: str, key: str, value: bytes | None) -> None:
        """Publish a record of a compacted topic; see `Delivery`.

        Raises:
            BrokerUnavailable: The broker did not acknowledge.
        """
        await producers.publish(self._started(), topic, key, value)

    async def _write(self, target: Target, records: Sequence[Output], given_up: Callable[[], bool]) -> None:
        if await self._take_turn(target, given_up):
            try:
                for batch in producers.batches(self._started(), records, self._settings):
                    await self._deliver(batch, target, given_up)
            finally:
                self._turns[target].release()

    async def _take_turn(self, target: Target, given_up: Callable[[], bool]) -> bool:
        """Wait until nobody else writes to a partition; return False where the outcome is given up meanwhile."""
        while not given_up():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    return await self._turns[target].acquire()
        return False

    async def _deliver(self, batch: RecordBatch, target: Target, given_up: Callable[[], bool]) -> None:
        pause = self._backoff
        doubtful = False
        while not given_up():
            try:
                if not (doubtful and await self._arrived(batch, target)):
                    doubtful = True
                    await self._send(batch, target, given_up)
            except (KafkaError, OSError) as exc:
                if isinstance(exc, KafkaError) and not (exc.retriable or isinstance(exc, KafkaTimeoutError)):
                    raise BrokerUnavailable(
                        f"{target.topic}-{target.partition} refused a record batch: {exc}"
                    ) from exc
                log.warning("%s-%d did not acknowledge (%r); again in %.1f s", *target, exc, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._max_backoff)
            else:
                return

    async def _arrived(self, batch: RecordBatch, target: Target) -> bool:
        return self._lookback is not None and await self._lookback.arrived(target, batch.first)

    async def _send(self, batch: RecordBatch, target: Target, given_up: Callable[[], bool]) -> None:
        """Send once, and wait for the acknowledgement unless the batch is given up meanwhile."""
        if self._lookback is not None:
            await self._lookback.mark(target)
        sent = await producers.send(self._started(), batch, target)
        while not sent.done() and not given_up():
            await asyncio.wait([sent], timeout=_LOOK)
        if sent.done():
            written = sent.result()
            if self._lookback is not None:
                self._lookback.acknowledged(target, written.offset)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("deliver was called before start")
        return self._producer
