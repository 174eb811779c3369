"""Redriving on a broker without transactions: one run at a time, record and marker one after the other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from streamapp.clients.errors import broker_errors
from streamapp.contracts.settings import Settings
from streamapp.dlq.plan import Back
from streamapp.dlq.turn import Turn
from streamapp.dlq.writers import Writer, batch, connected

#: Seconds until a record that is not acknowledged ends the run.
_PATIENCE: Final = 15.0


class Exclusive:
    """Writes while it has the turn: a record is acknowledged before its marker is sent, and that before the next.

    A run that dies between the two has put one record back without a marker: the next run puts it back once more,
    and its outcome is there twice under the same id. So it is with a run that hung for longer than its session
    time-out while another ran, and then went on.
    """

    def __init__(self, settings: Settings, producer: AIOKafkaProducer, turn: Turn) -> None:
        self._settings = settings
        self._producer = producer
        self._turn = turn

    async def write(self, records: Sequence[Back]) -> None:
        """Write each record and then its marker; after an error the markers say which records were written."""
        with broker_errors(self._settings):
            for record in records:
                async with self._turn.held():
                    await self._put(record.topic, record.partition, record.record)
                    await self._put(self._settings.redriven_topic, 0, record.marker)

    async def _put(self, topic: str, partition: int, row: Any) -> None:
        async with asyncio.timeout(_PATIENCE):
            await (await self._producer.send_batch(batch(self._producer, [row]), topic, partition=partition))


@asynccontextmanager
async def exclusive(settings: Settings) -> AsyncIterator[Writer]:
    """Take the turn and connect; see `Writer` for the errors.

    Raises:
        AnotherRedrive: Another run is under way.
        BrokerUnavailable: The broker does not answer.
    """
    with broker_errors(settings):
        async with Turn(settings).taken() as turn, connected(settings) as producer:
            yield Exclusive(settings, producer, turn)
