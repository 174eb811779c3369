"""One partition of the replies topic, read from the end that it has when the reading begins."""

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import is_past_end, started
from streamapp.contracts.settings import Settings

ROLE: Final = "edge-replies"
#: Milliseconds after which a listener without records looks around: whether it is still needed, where the log ends.
_LOOK_MS: Final = 500
#: Milliseconds that the broker may keep a fetch when no reply is there. A broker that does not wake a waiting fetch
#: when one comes, such as the embedded one, adds up to this to each request. It costs an idle edge 50 fetches a
#: second.
_FETCH_WAIT_MS: Final = 20


class Listener:
    """Reads one partition and hands over each of its records, in order and once.

    Where it is interrupted it goes on at the record that it had come to. A topic that was made anew, or that a broker
    has lost, is read from its beginning.

    Args:
        settings: The settings in force.
        partition: Which partition of the replies topic.
        take: Gets each record; it must not raise.

    Attributes:
        partition: As given.
        ready: Set while every record that is written from now on will be handed over.
        waiting: Requests that were told to have their replies sent here, and still wait. Counted by the owner.
        retired: Whether it ends as soon as nobody waits any more. Set by the owner.
    """

    def __init__(self, settings: Settings, partition: int, take: Callable[[ConsumerRecord], None]) -> None:
        self.partition = partition
        self.ready = asyncio.Event()
        self.waiting = 0
        self.retired = False
        self._settings = settings
        self._take = take
        self._topic = TopicPartition(settings.replies_topic, partition)
        self._next: int | None = None

    async def run(self) -> None:
        """Read until cancelled, or until it is retired and nobody waits.

        Raises:
            KafkaError: The connection could not be made, or the broker refused.
        """
        async with started(kafka.consumer(self._settings, ROLE, fetch_max_wait_ms=_FETCH_WAIT_MS)) as consumer:
            consumer.assign([self._topic])
            await self._find_start(consumer)
            self.ready.set()
            try:
                while self.waiting or not self.retired:
                    await self._read(consumer)
            finally:
                self.ready.clear()

    async def _find_start(self, consumer: AIOKafkaConsumer) -> None:
        if self._next is None:
            await consumer.seek_to_end(self._topic)
            self._next = await consumer.position(self._topic)
        else:
            consumer.seek(self._topic, self._next)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        records = (await consumer.getmany(self._topic, timeout_ms=_LOOK_MS)).get(self._topic, [])
        for record in records:
            self._next = record.offset + 1
            self._take(record)
        if await is_past_end(consumer, self._topic):
            self._next = 0
            consumer.seek(self._topic, 0)
