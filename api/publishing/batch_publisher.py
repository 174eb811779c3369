"""Puts whole record batches on the input topics, for requests that bring many records."""

import asyncio
from collections import defaultdict
from functools import partial
from itertools import count
from random import randrange
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from api.admission.room import Room
from api.publishing.publisher import Publisher
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiokafka.structs import RecordMetadata

#: Most bytes of a record batch; a record that is larger goes alone.
BATCH_BYTES: Final = 512 * 1024


class BatchPublisher(Publisher):
    """Publishes record batches, by a producer of its own: no single request waits behind them.

    Args:
        settings: The settings in force.
        room: Memory for what waits for the broker.
    """

    def __init__(self, settings: Settings, room: Room) -> None:
        super().__init__(settings, room, min(BATCH_BYTES, settings.max_record_bytes))
        self._turns: dict[str, Iterator[int]] = defaultdict(lambda: count(randrange(1024)))  # noqa: S311  # no secret

    def require_connection(self) -> AIOKafkaProducer:
        """Return the producer.

        Raises:
            BrokerUnavailable: There is no connection to the broker.
        """
        if self._producer is None:
            raise BrokerUnavailable("No broker answers.")
        return self._producer

    @property
    def is_full(self) -> bool:
        """Whether more is unacknowledged than there is room for."""
        return self._room.is_full

    def batch(self) -> Any:
        """Return an empty record batch: aiokafka's builder.

        Raises:
            BrokerUnavailable: As above.
        """
        return self.require_connection().create_batch()

    async def send(self, batch: Any, topic: str) -> "asyncio.Future[RecordMetadata]":
        """Hand a record batch over to be sent to one partition of a topic; the partitions take turns.

        Returns:
            Done once all in-sync replicas have the records. After an error, or without an answer, they may still
            arrive, once.

        Raises:
            BrokerUnavailable: It was not sent: the broker is away, or has not taken the one before it in time.
        """
        producer, size = self.require_connection(), batch.size()
        batch.close()
        try:
            async with asyncio.timeout(self._settings.publish_timeout):
                await producer.partitions_for(topic)
                sent: asyncio.Future[RecordMetadata] = await producer.send_batch(
                    batch, topic, partition=self._partition(producer, topic)
                )
        except (TimeoutError, KafkaError) as exc:
            raise BrokerUnavailable(f"The broker takes no more records ({type(exc).__name__}).") from exc
        self._room.taken += size
        sent.add_done_callback(partial(self._settle, size))
        return sent

    def _partition(self, producer: AIOKafkaProducer, topic: str) -> int:
        cluster = producer.client.cluster
        able = sorted(cluster.available_partitions_for_topic(topic) or cluster.partitions_for_topic(topic))
        return int(able[next(self._turns[topic]) % len(able)])
