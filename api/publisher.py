"""Puts requests on the input topic: one producer for all of them, connected for as long as the edge runs."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from api.errors import Overloaded
from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable, Code, RecordError
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

ROLE: Final = "edge"
#: Most bytes that wait for the broker, so that a broker that is away does not fill the memory.
MAX_PENDING_BYTES: Final = 64 * 1024 * 1024
#: What a waiting request costs beside its record: task, connection, headers. An upper guess.
_REQUEST_BYTES: Final = 8 * 1024
#: Records that arrive while one produce request is under way leave together in the next, up to this many bytes a
#: partition.
_BATCH_BYTES: Final = 128 * 1024
#: Seconds between looks at the topics, and until an unanswered one counts as failed.
_INTERVAL: Final = 1.0

log = logging.getLogger(__name__)


class Publisher:
    """Publishes records on the input topic and answers once the broker has acknowledged them.

    Records have no key: a request names no entity whose order could matter, so they spread over all partitions and
    a busy worker never waits for one of them.

    Args:
        settings: The settings in force.
        max_pending: Most bytes that wait for the broker at once.
    """

    def __init__(self, settings: Settings, max_pending: int = MAX_PENDING_BYTES) -> None:
        self._settings = settings
        self._max_pending = max_pending
        self._pending = 0
        self._failed = False
        self._producer: AIOKafkaProducer | None = None
        #: Set once the topics are known to exist.
        self.topics_ready = asyncio.Event()

    async def publish(self, value: bytes, headers: Sequence[tuple[str, bytes]]) -> RecordMetadata:
        """Publish one record; return where it stands once all in-sync replicas have it.

        Nothing is retried after an error. The record may still arrive then: its produce request may be on its way.

        Raises:
            BrokerUnavailable: No acknowledgement within `publish_timeout`.
            Overloaded: Too much waits for the broker already; the record was not sent.
            RecordError: The record is too large for the broker.
        """
        if self._producer is None:
            raise BrokerUnavailable("No broker has answered yet; nothing was accepted.")
        cost = len(value) + _REQUEST_BYTES
        if self._pending + cost > self._max_pending:
            raise Overloaded("Too many requests wait for the broker; nothing was accepted.")
        self._pending += cost
        try:
            return await self._send(self._producer, value, headers)
        finally:
            self._pending -= cost

    async def _send(
        self, producer: AIOKafkaProducer, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> RecordMetadata:
        topic = self._settings.input_topic
        try:
            async with asyncio.timeout(self._settings.publish_timeout):
                return await producer.send_and_wait(topic, value, headers=headers)
        except MessageSizeTooLargeError:
            raise RecordError(
                Code.RECORD_TOO_LARGE, f"A record may have {self._settings.max_record_bytes} bytes; send fewer rows."
            ) from None
        except (TimeoutError, KafkaError) as exc:
            # The bare class is what aiokafka's sender task dies of; nothing can be sent with it afterwards.
            self._failed = self._failed or type(exc) is KafkaError
            raise BrokerUnavailable(
                f"The broker did not acknowledge the request ({type(exc).__name__}); it may not be there."
            ) from exc

    async def check(self) -> None:
        """Ask the broker for the input topic.

        Raises:
            BrokerUnavailable: It does not answer, or has no such topic; the message says which.
        """
        if self._producer is None:
            raise BrokerUnavailable(f"no broker has answered yet at {self._settings.broker} (STREAMAPP_BROKER)")
        client = self._producer.client
        answered = False
        with contextlib.suppress(TimeoutError):
            # Not `wait_for`: on Python 3.11 that may swallow a cancellation.
            async with asyncio.timeout(_INTERVAL):
                answered = await client.force_metadata_update()
        if not answered:
            raise BrokerUnavailable(f"no broker answers at {self._settings.broker} (STREAMAPP_BROKER)")
        if client.cluster.partitions_for_topic(self._settings.input_topic) is None:
            raise BrokerUnavailable(f"the broker has no topic {self._settings.input_topic} (yet)")

    async def run(self) -> None:
        """Create the topics, connect, and stay connected until cancelled; then deliver what was sent.

        It returns where the producer has failed for good and a new one is needed.

        Raises:
            BrokerUnavailable: The broker refuses to create the topics.
            KafkaError: The connection could not be made.
        """
        await self._create_topics()
        producer = self._make_producer()
        try:
            await producer.start()
            await producer.partitions_for(self._settings.input_topic)
            self._producer, self._failed = producer, False
            self.topics_ready.set()
            log.info("Connected to the broker at %s", self._settings.broker)
            await self._watch()
        finally:
            self._producer = None
            await producer.stop()

    def _make_producer(self) -> AIOKafkaProducer:
        # A record whose caller was told that it is not acknowledged is given up at the same time.
        deadline = math.ceil(self._settings.publish_timeout * 1000)
        return kafka.producer(self._settings, ROLE, request_timeout_ms=deadline, max_batch_size=_BATCH_BYTES)

    async def _watch(self) -> None:
        """Say when the broker goes and comes. One that has forgotten its topics gets them anew."""
        while not self._failed:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.check()
            except BrokerUnavailable as exc:
                log.warning("The broker is away: %s", exc)
                await self._create_topics()
                log.info("The broker is back")

    async def _create_topics(self) -> None:
        await kafka.ensure_topics(self._settings, topics(self._settings), ROLE, patience=math.inf)
