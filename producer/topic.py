"""Records straight to the input topics."""

import asyncio
import uuid
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from producer.messages import Record
from producer.summary import NOT_ACKNOWLEDGED, ON_TOPIC
from streamapp.clients import kafka
from streamapp.contracts.codec import request_headers
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

_ROLE: Final = "producer"


class TopicSender:
    """Puts records on the input topics. It connects when it is first used, and tries again at the next record.

    Args:
        settings: The settings in force: broker, and the topics, which are created where they are missing.

    Attributes:
        last_error: Why the last record that was not acknowledged was not; "" where all were.
    """

    def __init__(self, settings: Settings) -> None:
        self.last_error = ""
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def send(self, record: Record) -> str:
        """Put a record on its model's topic under a new id; returns `ON_TOPIC` once the broker has acknowledged it.

        What it has not acknowledged may be there or not: `NOT_ACKNOWLEDGED`.
        """
        record_id = str(uuid.uuid4())
        try:
            producer = await self._connected()
            await producer.send_and_wait(
                self._settings.topic_of(record.model),
                value=record.value,
                key=record_id.encode(),  # a null record must have a key
                headers=request_headers(record_id, f"streamapp/{_ROLE}"),
            )
        except (BrokerUnavailable, KafkaError, OSError) as exc:
            self.last_error = f"{self._settings.broker}: {type(exc).__name__}: {exc}"
            return NOT_ACKNOWLEDGED
        return ON_TOPIC

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                await kafka.ensure_topics(self._settings, topics(self._settings), _ROLE, patience=0)
                producer = kafka.producer(self._settings, _ROLE)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
