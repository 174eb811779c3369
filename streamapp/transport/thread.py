"""The thread that aiokafka's consumer lives in, with fetches that know their generation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from aiokafka import AIOKafkaConsumer
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as stock
from faust.types import TP

from streamapp.transport.ledger import Place
from streamapp.transport.records import Record, install

if TYPE_CHECKING:
    from streamapp.transport.consumer import Consumer

#: Longest interval that aiokafka takes, 24 days.
_NEVER_MS: Final = 2**31 - 1
#: Records of a fetch by partition.
Fetched = Mapping[TP, Sequence[Record]]


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """The thread with the aiokafka consumer in it."""

    @property
    def is_member(self) -> bool:
        """Whether the group knows this consumer; not so after it missed its session, until it has joined again."""
        return bool(self._ensure_consumer()._coordinator.generation >= 0)  # noqa: SLF001  # as Faust does

    def _create_worker_consumer(self, transport: stock.Transport) -> AIOKafkaConsumer:
        install()
        consumer = super()._create_worker_consumer(transport)
        # Faust couples this to its own transactions; a reader of others' transactions needs it as well.
        ours = cast("Consumer", self.consumer)
        # Before it starts: Faust has no option for these.
        # Under pressure nothing is fetched, for as long as it takes. aiokafka would leave the group for that, and not
        # join again before somebody fetches.
        consumer._max_poll_interval_ms = _NEVER_MS  # noqa: SLF001
        consumer._isolation_level = ours.isolation_level  # noqa: SLF001
        consumer._fetch_max_wait_ms = ours.fetch_max_wait_ms  # noqa: SLF001
        return consumer

    async def fetch(self, partitions: set[TP], generation: int, timeout: float) -> Fetched:
        """Fetch records of partitions as they are assigned in one generation of the group.

        A fetch that waits is not ended by a rebalance: it may come back with records of the next assignment, whose
        position it has moved. Those are put back here, in the consumer's own thread, where nothing can come between.
        """
        fetched: Fetched = await self.call_thread(self._fetch_in_generation, partitions, generation, timeout)
        return fetched

    async def _fetch_in_generation(self, partitions: set[TP], generation: int, timeout: float) -> Fetched:
        consumer = self._ensure_consumer()
        limit = consumer._max_poll_records  # noqa: SLF001  # as Faust does
        fetched = await self._fetch_records(consumer, partitions, timeout=timeout, max_records=limit)
        if consumer._coordinator.generation == generation:  # noqa: SLF001  # as Faust does
            return fetched
        for tp, records in fetched.items():
            consumer.seek(tp, records[0].offset)
        return {}

    def places(self) -> dict[TP, Place]:
        """Return where the consumer is in each assigned partition.

        Told by the consumer's own position: markers of transactions, which it steps over, are no records.
        """
        subscription = self._consumer and self._consumer._subscription.subscription  # noqa: SLF001  # as Faust does
        assignment = subscription and subscription.assignment
        if not assignment:
            return {}
        states = {ensure_TP(tp): assignment.state_value(tp) for tp in assignment.tps}
        # The attribute: the property asserts that there is a position, which the consumer's thread may take away.
        return {
            tp: Place(state._position, state.lso, state.highwater)  # noqa: SLF001  # as above
            for tp, state in states.items()
        }
