"""One input partition's transactions."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidTopicError,
    InvalidTransactionTimeout,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.delivery import producers
from streamapp.delivery.records import Target, after, first_offset, outputs
from streamapp.delivery.wire import Output
from streamapp.metrics import worker as metrics
from streamapp.scoring.records import Outcome

log = logging.getLogger(__name__)

#: Seconds until a producer's session with the transaction coordinator counts as not to be had.
_OPEN_TIMEOUT: Final = 15.0
#: Seconds between looks at whether a batch under way was given up.
_LOOK: Final = 0.1
#: Seconds that the abort of a given-up transaction may take. Where it fails, the next owner's session aborts it.
_ABORT_TIMEOUT: Final = 1.0
#: Trying again does not help with these.
_FATAL: Final = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidTopicError,
    InvalidTransactionTimeout,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class Unsure(NamedTuple):
    """A transaction of which it is not known how it ended.

    Attributes:
        end: The offset that it commits.
        partitions: Where it has written, or may have.
    """

    end: int
    partitions: tuple[TopicPartition, ...]


class Lane:
    """The way of one input partition's outcomes to the broker: a producer with that partition's transactional id.

    Whoever opens the lane fences all who opened it before, and learns from the group's committed offset how far the
    partition is done. That offset moves only together with the outputs. So after any failure, also where it is not
    known whether a commit came through, the lane is opened anew, and what the offset says is done is left out: it
    does not matter who did it, nor who else believes to own the partition.

    Args:
        settings: The settings in force.
        source: The input partition.
        backoff: Seconds before the first repeat; doubled each time up to `max_backoff`.
        max_backoff: Longest pause between repeats, in seconds.
    """

    def __init__(self, settings: Settings, source: TopicPartition, backoff: float, max_backoff: float) -> None:
        self._settings = settings
        self._source = source
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._producer: AIOKafkaProducer | None = None
        self._done = 0
        self._unsure: Unsure | None = None

    @property
    def transactional_id(self) -> str:
        """Id under which the broker knows the lane, whoever drives on it."""
        return kafka.transactional_id(self._settings, f"{self._source.topic}/{self._source.partition}")

    async def deliver(self, outcome: Outcome, end: int, given_up: Callable[[], bool]) -> None:
        """Deliver the outcomes of records before offset `end`; returns once they are committed, or given up.

        Raises:
            BrokerUnavailable: The broker refuses for good; nothing of it is committed.
        """
        pause = self._backoff
        while not given_up():
            try:
                await self._unless(given_up, outcome, end)
            # The assertion is aiokafka's, of a broker that has come back and does not name itself yet.
            except (KafkaError, OSError, TimeoutError, AssertionError) as exc:
                await self.close()
                if isinstance(exc, _FATAL):
                    raise BrokerUnavailable(f"The broker refused a transaction of {self._name}: {exc!r}") from exc
                log.warning("The transaction of %s failed (%r); again in %.1f s", self._name, exc, pause)
                await self._rest(exc, pause, given_up)
                pause = min(2 * pause, self._max_backoff)
            else:
                return

    async def close(self) -> None:
        """Throw the producer away; the next delivery opens another."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producers.discard(producer)

    @property
    def _name(self) -> str:
        return f"{self._source.topic}-{self._source.partition}"

    async def _unless(self, given_up: Callable[[], bool], outcome: Outcome, end: int) -> None:
        """Try once; abort as soon as it is given up."""
        attempt = asyncio.create_task(self._attempt(outcome, end))
        try:
            while not attempt.done() and not given_up():
                await asyncio.wait([attempt], timeout=_LOOK)
        finally:
            if not attempt.done():
                attempt.cancel()
                await asyncio.wait([attempt])
                await self._abort()
        if attempt.cancelled():
            if not given_up():  # by nobody of ours: what came of it is not known
                raise TimeoutError
        else:
            attempt.result()

    async def _attempt(self, outcome: Outcome, end: int) -> None:
        if first_offset(outcome) < self._done:
            # Somebody has set the group's offset back, or made the topic anew: what was done says the broker.
            await self.close()
        if self._producer is None:
            async with asyncio.timeout(_OPEN_TIMEOUT):
                await self._open(first_offset(outcome))
        rest = after(outcome, self._done)
        if rest is not outcome:
            log.warning("%s: records before offset %d are left out, they are committed", self._name, self._done)
        if rest.predictions or rest.dead_letters:
            # Later than that the broker has aborted it.
            async with asyncio.timeout(kafka.TRANSACTION_TIMEOUT):
                await self._transact(rest, end)
            self._done = end

    async def _open(self, first: int) -> None:
        producer = producers.make(
            self._settings,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=int(kafka.TRANSACTION_TIMEOUT * 1000),
            # While the markers of the last transaction are written, the broker asks for patience, at each batch.
            retry_backoff_ms=10,
        )
        self._producer = producer
        # Ends what another session has left open, one way or the other: only then the offset is final.
        await producer.start()
        self._done = await kafka.committed(producer.client, self._settings.group, self._source) or 0
        if first < self._done and (end := await self._end()) < self._done:
            log.warning("%s ends at offset %d, before the committed %d: made anew", self._name, end, self._done)
            self._done = 0
        elif self._unsure is not None:
            await self._settle(producer, self._unsure)

    async def _end(self) -> int:
        """Return where the input partition ends, as far as committed records go."""
        async with started(kafka.consumer(self._settings, producers.ROLE)) as consumer:
            return int((await consumer.end_offsets([self._source]))[self._source])

    async def _settle(self, producer: AIOKafkaProducer, unsure: Unsure) -> None:
        """Write the markers of a transaction once more, in a transaction of their own: commit or abort.

        A broker of Apache Kafka 4 that dies while it writes them may forget those that are left: where it is up again
        before it knows its topics, it takes them for deleted. The records that lack a marker would be committed by
        that of the next transaction. The offset tells which end it was; where no marker lacks, these mean nothing.
        """
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({self._source: self._done}, self._settings.group)
        for partition in unsure.partitions:
            producer._txn_manager.maybe_add_partition_to_txn(partition)  # noqa: SLF001  # else only records add one
        await (producer.commit_transaction() if self._done >= unsure.end else producer.abort_transaction())
        self._unsure = None

    async def _transact(self, outcome: Outcome, end: int) -> None:
        producer, records = self._opened(), list(outputs(outcome, self._settings))
        self._unsure = Unsure(end, tuple(TopicPartition(*target) for target, _ in records))
        with metrics.transaction():
            await producer.begin_transaction()
            await self._produce(producer, records, end)
            await self._commit(producer)
        self._unsure = None

    async def _produce(
        self, producer: AIOKafkaProducer, records: Sequence[tuple[Target, list[Output]]], end: int
    ) -> None:
        # The offset first, and alone: Apache Kafka checks records against the transaction's state (KIP-890), and
        # refuses for a while those that come beside another request of the same transaction.
        await producer.send_offsets_to_transaction({self._source: end}, self._settings.group)
        sent = [
            await producers.send(producer, batch, target)
            for target, outputs_of_one in records
            for batch in producers.batches(producer, outputs_of_one, self._settings)
        ]
        # All are awaited before the first error is told, so that none is left unheard.
        for result in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        await producer.commit_transaction()

    async def _abort(self) -> None:
        """Abort what is open, so that readers need not wait for the time-out or the next owner."""
        producer = self._producer
        try:
            if producer is not None:
                async with asyncio.timeout(_ABORT_TIMEOUT):
                    await producer.abort_transaction()
        except (KafkaError, TimeoutError, AssertionError) as exc:  # aiokafka asserts that one is open
            log.debug("The transaction of %s was left to the next owner: %r", self._name, exc)
        await self.close()

    async def _rest(self, exc: BaseException, pause: float, given_up: Callable[[], bool]) -> None:
        """Wait before the next attempt; after a fence long enough for the group to say who owns the partition."""
        if isinstance(exc, ProducerFenced):
            pause = max(pause, self._settings.session_timeout / 5)
        deadline = asyncio.get_running_loop().time() + pause
        while asyncio.get_running_loop().time() < deadline and not given_up():
            await asyncio.sleep(min(_LOOK, pause))

    def _opened(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("a transaction was begun before the lane was opened")
        return self._producer
