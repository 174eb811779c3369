"""Redriving on a broker with transactions: a record and its marker together, or neither."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)

from streamapp.clients.errors import broker_errors
from streamapp.contracts.settings import Settings
from streamapp.dlq.errors import another
from streamapp.dlq.plan import Back
from streamapp.dlq.writers import Writer, batch, connected, lock

#: Seconds that connecting, or one transaction, may take.
_PATIENCE: Final = 15.0
#: Seconds until the broker ends a transaction whose run died: until then workers do not read past it.
_TRANSACTION_TIMEOUT: Final = 10.0
#: Seconds that the abort of what an error left open may take.
_ABORT: Final = 5.0
#: What the broker says to a producer once another has begun under its transactional id.
_FENCED: Final = (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)


class Transactional:
    """One transaction a call of `write`, under one transactional id for all runs with the same markers.

    Connecting fences: a run that is under way can write nothing any more, and what it had not committed is aborted.
    What is read afterwards is final, so a record is put back once, whatever dies when.
    """

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings = settings
        self._producer = producer

    async def write(self, records: Sequence[Back]) -> None:
        """Write records and markers in one transaction.

        After an error none of them is there for readers, or, where the answer to the commit was lost, all of them.
        """
        with _errors(self._settings):
            await self._producer.begin_transaction()
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._send(records)
                    await self._producer.commit_transaction()
            except BaseException:
                await self._abort()
                raise

    async def _send(self, records: Sequence[Back]) -> None:
        targets: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for record in records:
            targets[record.topic, record.partition].append(record.record)
            targets[self._settings.redriven_topic, 0].append(record.marker)
        sent = [
            await self._producer.send_batch(batch(self._producer, rows), topic, partition=partition)
            for (topic, partition), rows in targets.items()
        ]
        await asyncio.gather(*sent)

    async def _abort(self) -> None:
        """Abort what is open: workers do not read past it, and would wait for its time-out."""
        with contextlib.suppress(KafkaError, TimeoutError, AssertionError):  # aiokafka asserts that one is open
            async with asyncio.timeout(_ABORT):
                await self._producer.abort_transaction()


@contextlib.asynccontextmanager
async def transactional(settings: Settings) -> AsyncIterator[Writer]:
    """Connect, which ends every other run; see `Writer` for the errors.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    options = {
        "transactional_id": lock(settings),
        "transaction_timeout_ms": round(_TRANSACTION_TIMEOUT * 1000),
    }
    with broker_errors(settings):
        async with connected(settings, **options) as producer:
            yield Transactional(settings, producer)


@contextlib.contextmanager
def _errors(settings: Settings) -> Iterator[None]:
    with broker_errors(settings):
        try:
            yield
        except _FENCED as exc:
            raise another(settings, "has begun and ended this one") from exc
