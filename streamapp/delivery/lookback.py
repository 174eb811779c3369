"""Looking whether a record batch arrived whose acknowledgement was lost, where the broker cannot tell repeats."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.settings import Settings
from streamapp.delivery import wire
from streamapp.delivery.producers import ROLE
from streamapp.delivery.records import Target
from streamapp.delivery.wire import Output
from streamapp.scoring.records import Record

#: Longest wait for records; behind the last one the high watermark says that there are no more.
_POLL_MS: Final = 500
#: Seconds that a look may take.
_PATIENCE: Final = 20.0


class Lookback:
    """Remembers, for each output partition, an offset from which on an unacknowledged record batch must lie.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._since: dict[Target, int] = {}

    async def mark(self, target: Target) -> None:
        """Note where a partition ends, before the first record batch is sent to it.

        Raises:
            KafkaError: The broker does not answer.
        """
        if target not in self._since:
            partition = TopicPartition(*target)
            async with started(kafka.consumer(self._settings, ROLE)) as consumer:
                # The embedded broker says less than the end here; never more, on any broker.
                self._since[target] = (await consumer.end_offsets([partition]))[partition]

    def acknowledged(self, target: Target, offset: int) -> None:
        """Note the offset at which a record batch begins that has arrived."""
        self._since[target] = offset

    async def arrived(self, target: Target, record: Output) -> bool:
        """Say whether a record is on its partition; a record batch is there as a whole or not at all.

        A request that still waits in some buffer may be written after the look.

        Raises:
            KafkaError: The broker does not answer.
            TimeoutError: It does not answer in time.
        """
        async with started(kafka.consumer(self._settings, ROLE)) as consumer:
            partition = TopicPartition(*target)
            consumer.assign([partition])
            consumer.seek(partition, self._since[target])
            async with asyncio.timeout(_PATIENCE):
                return await self._reads(consumer, partition, record)

    async def _reads(self, consumer: AIOKafkaConsumer, partition: TopicPartition, wanted: Output) -> bool:
        while True:
            fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS)
            if any(_same(record, wanted) for record in fetched.get(partition, ())):
                return True
            end = consumer.highwater(partition)  # None until the broker has answered
            if end is not None and await consumer.position(partition) >= end:
                return False


def _same(record: Record, wanted: Output) -> bool:
    """Compare all of a record; the timestamp tells it from what another worker made of the same request."""
    return Output(record.key, record.value, wire.headers(record.headers), record.timestamp) == wanted
