"""The consumer: hands over as one event what has arrived, commits the contiguous prefix of finished batches.

It takes over from Faust's aiokafka consumer all but three things: how fetched records become messages, when a
message counts as done, and which offset may be committed. Faust's conductor, streams, agents, rebalancing, web pages
and commit timer work on as they are. The names with an underscore that it overrides are Faust's and aiokafka's
private ones: their versions are pinned, and tests hold the contract.
"""

import asyncio
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from faust.exceptions import ImproperlyConfigured
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as stock
from faust.types import TP

from streamapp.transport.batch import Batch, BatchMessage, BatchSchema
from streamapp.transport.ledger import Ledger, Progress
from streamapp.transport.thread import ConsumerThread, Fetched

if TYPE_CHECKING:
    from streamapp.transport.driver import Transport


class Consumer(stock.Consumer):
    """Consumer that hands over batches.

    Attributes:
        max_in_partition: Batches of one partition between their handing over and their acknowledgement. What arrives
            meanwhile becomes the next one, up to `broker_max_poll_records`; then nothing more of the partition is
            fetched. Others go on; aiokafka holds one more fetch of each.
        overlap_from: Records that a batch has at least that is handed over before the one in front of it is
            acknowledged. Fewer wait and grow: each batch has a call of the model and a delivery of its own, and under
            load those are what costs. The price is that they are not decoded while the one in front is delivered.
        isolation_level: What is read of other programs' transactions.
        fetch_max_wait_ms: Longest that the broker keeps a fetch waiting for records. Faust's own 1,500 becomes the
            latency where a broker does not wake a waiting fetch when records arrive.
    """

    max_in_partition: ClassVar[int] = 2
    overlap_from: ClassVar[int] = 1000
    isolation_level: ClassVar[str] = "read_committed"
    fetch_max_wait_ms: ClassVar[int] = 50

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ledgers: dict[TP, Ledger] = {}
        #: A batch was acknowledged, or a fetch has ended.
        self._news = asyncio.Event()
        self._fetching: asyncio.Task[tuple[Fetched, int]] | None = None
        super().__init__(*args, **kwargs)
        #: Most records of a batch, and of those of a partition that wait for the next one.
        self._most = self.app.conf.broker_max_poll_records or sys.maxsize

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Subscribe to topics.

        Raises:
            ImproperlyConfigured: A channel of the app cannot take batches.
        """
        for channel in self.app.topics:
            if not isinstance(channel.schema, BatchSchema):
                raise ImproperlyConfigured(
                    f"Topic {channel} gets batches on this transport: give it `schema=BatchSchema()`. Tables and "
                    "replies need the stock transport (kafka://)."
                )
        await super().subscribe(topics)

    # -- fetch and hand over

    async def _drain_messages(self, fetcher: Any) -> None:
        """Fetch and hand over until the fetcher or the consumer is stopped. Runs as the fetcher's task."""
        stops = (self._stopped.is_set, fetcher._stopped.is_set)  # noqa: SLF001  # as Faust does
        try:
            while not any(stop() for stop in stops):
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise
        finally:
            if self._fetching is not None:
                self._fetching.cancel()
                self._fetching = None

    async def _drain_once(self) -> None:
        if not self.flow_active:
            await self.wait_first(self.can_resume_flow.wait())
            return
        generation = self.app.consumer_generation_id
        active = tuple(self._get_active_partitions())  # Faust changes the set while batches are handed over
        if not active:
            await self.sleep(0.1)
            return
        self._news.clear()
        if self._fetching is not None and self._fetching.done():
            fetched, self._fetching = self._fetching, None
            self._arrive(*fetched.result())
        for tp in active:
            await self._hand_over(ensure_TP(tp), generation)
        if self._fetching is None and (wanted := {tp for tp in active if self._wants(ensure_TP(tp))}):
            # Partitions that are left out may want more any time.
            patience = 1.0 if len(wanted) == len(active) else 0.05
            self._fetching = asyncio.ensure_future(self._fetch(wanted, generation, patience))
            self._fetching.add_done_callback(lambda _: self._news.set())
        # What has arrived already waits for room, and not for what may arrive.
        await self._news.wait()

    def _wants(self, tp: TP) -> bool:
        return tp not in self._ledgers or self._ledgers[tp].waiting < self._most

    async def _fetch(self, partitions: set[TP], generation: int, patience: float) -> tuple[Fetched, int]:
        return await self._thread.fetch(partitions, generation, patience), generation

    def _arrive(self, fetched: Fetched, generation: int) -> None:
        if not self._is_current(generation):
            # A rebalance began since. These are of the old assignment; the new one has positions of its own, which
            # start from the committed offsets.
            return
        for partition, records in fetched.items():
            tp = ensure_TP(partition)
            if not self._ledgers.setdefault(tp, Ledger()).precedes(records):
                self.log.warning("%s-%d goes on at offset %d: it was cut off or made anew", *tp, records[0].offset)
                self._abandon({tp})
            self._ledgers.setdefault(tp, Ledger()).arrive(records)
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))

    def _is_current(self, generation: int) -> bool:
        return self.flow_active and generation == self.app.consumer_generation_id

    def _is_due(self, ledger: Ledger) -> bool:
        least = min(self.overlap_from, self._most) if len(ledger) else 1
        return ledger.waiting >= least and len(ledger) < self.max_in_partition

    async def _hand_over(self, tp: TP, generation: int) -> None:
        """Hand over what has arrived of a partition, as long as it has room."""
        while (ledger := self._ledgers.get(tp)) is not None and self._is_due(ledger) and self._is_current(generation):
            message = BatchMessage(Batch(tp, ledger.take(self._most)), generation, self._on_done)
            if self.app.topics.acks_enabled_for(tp.topic):
                ledger.add(message)
            await self.wait_first(self.callback(message), self.suspend_flow.wait())
            self._read_offset[tp] = message.batch.next_offset - 1

    # -- acknowledge

    @property
    def in_flight(self) -> int:
        """Number of batches between fetch and acknowledgement, over all partitions."""
        return sum(len(ledger) for ledger in self._ledgers.values())

    def progress(self) -> dict[TP, Progress]:
        """Return how far each assigned partition is."""
        return {tp: self._ledgers.get(tp, Ledger()).progress(place) for tp, place in self._thread.places().items()}

    def ack(self, message: Any) -> bool:
        """Mark a batch as done; returns whether that is news."""
        if message.acked:
            return False
        message.acked = True
        return bool(message.acked)

    def _on_done(self, message: BatchMessage) -> None:
        # An agent may acknowledge from a thread of its own.
        self.loop.call_soon_threadsafe(self._settle, message)

    def _settle(self, message: BatchMessage) -> None:
        self._unacked_messages.discard(message)
        if (ledger := self._ledgers.get(message.tp)) is not None:
            ledger.settle()
        self._news.set()
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)

    # -- commit

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:  # type: ignore[override]  # narrower
        return [tp for tp in self._ledgers if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        if not cast("Transport", self.transport).commits:
            return None
        return self._ledgers[tp].to_commit() if tp in self._ledgers else None

    def _should_commit(self, _tp: TP, _offset: int) -> bool:
        return True  # `Ledger.to_commit` has decided

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: a batch spans the gaps between its records."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = await super()._commit(offsets)
        for tp, offset in offsets.items() if committed else ():
            if tp in self._ledgers:
                self._ledgers[tp].committed = offset
        return committed

    # -- rebalance, seek, shutdown

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let what is being processed finish and commit it, then forget the rest."""
        # Faust stops the flow only of a worker that has partitions; one without gets some next.
        self.stop_flow()
        if not self._thread.is_member:
            # The group went on without us: somebody else has these partitions already.
            self._abandon(revoked)
        await super().on_partitions_revoked(revoked)
        self._abandon(revoked)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets."""
        self._abandon(set(self._ledgers))
        await super().perform_seek()

    async def seek(self, partition: TP, offset: int) -> None:
        """Go to an offset; what is in flight of the partition is given up."""
        self._abandon({partition})
        await super().seek(partition, offset)

    async def wait_empty(self) -> None:
        """Wait for the batches that agents work on, and commit.

        A batch that takes longer than 90 % of `broker_rebalance_timeout` is given up: after that the group goes on
        without this worker, and whoever has the partition then processes the batch again. So is one that takes
        longer than the transport's `drain_timeout` when the app stops, and any when it has crashed: the agents that
        would acknowledge them are gone.
        """
        patience = self._patience()
        deadline = self.loop.time() + patience
        while self._unacked_messages and not self.should_stop and self.loop.time() < deadline:
            await self._wait_for_ack(timeout=1.0)
        # A commit under way does not have what was finished since it began, and `commit` would leave it at that.
        await self.maybe_wait_for_commit_to_finish()
        await self.commit_and_end_transactions()
        if self._unacked_messages:
            late = [message.value for message in self._unacked_messages]
            self.log.warning("Gave up batches still being processed after %.1f s: %r", patience, late)
            self._unacked_messages.clear()
            self._abandon(set(self._ledgers))

    def _patience(self) -> float:
        if self.app.crashed:
            return 0.0
        if self.app.should_stop:
            return cast("Transport", self.transport).drain_timeout
        return 0.9 * float(self.app.conf.broker_rebalance_timeout)

    def _abandon(self, partitions: set[TP]) -> None:
        for tp in partitions:
            if (ledger := self._ledgers.pop(tp, None)) is not None:
                ledger.abandon()
        self._news.set()
