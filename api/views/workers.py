"""What the workers say of the models that they serve and refuse, as it is on the status topic."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import is_past_end, started
from streamapp.contracts import codec
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.fleet import Fleet, fleet, is_alive
from streamapp.contracts.settings import Settings

if TYPE_CHECKING:
    from streamapp.contracts.status import WorkerStatus

ROLE: Final = "edge-workers"
#: Records before the end from which on the topic is read: who lives has renewed its status within them.
_BACK: Final = 1000
_POLL_MS: Final = 1000

log = logging.getLogger(__name__)


class Workers:
    """Follows the status topic.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = TopicPartition(settings.status_topic, 0)
        self._said: dict[bytes, WorkerStatus] = {}

    @property
    def fleet(self) -> Fleet:
        """What the living workers together say; nothing where none is known."""
        return fleet(self._said.values())

    async def run(self) -> None:
        """Follow the topic until cancelled.

        Raises:
            KafkaError: The connection could not be made, or the topic not read.
        """
        async with started(kafka.consumer(self._settings, ROLE)) as consumer:
            consumer.assign([self._topic])
            await self._seek(consumer)
            while True:
                fetched = await consumer.getmany(self._topic, timeout_ms=_POLL_MS)
                for record in fetched.get(self._topic, ()):
                    self._learn(record)
                if await is_past_end(consumer, self._topic):
                    consumer.seek(self._topic, 0)

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        # Offsets that are not there any more bring the consumer to the first one that is.
        end = (await consumer.end_offsets([self._topic]))[self._topic]
        consumer.seek(self._topic, max(0, end - _BACK))

    def _learn(self, record: ConsumerRecord) -> None:
        now = datetime.now(UTC)
        self._said = {worker: status for worker, status in self._said.items() if is_alive(status, now)}
        self._said.pop(record.key or b"", None)
        if record.value is None:
            return
        try:
            self._said[record.key or b""] = codec.decode_status(record.value)
        except MalformedRecord as exc:
            log.warning("A worker's status cannot be used: %s", exc)
