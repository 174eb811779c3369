"""Puts requests on the input topics: one producer for all of them, connected for as long as the edge runs."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from api.admission.room import Room, Share
from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable, Code, RecordError
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

ROLE: Final = "edge"
#: What a request costs beside its record while its caller waits: task, connection, headers. An upper guess.
_REQUEST_BYTES: Final = 8 * 1024
#: Records that arrive while one produce request is under way leave together in the next, up to this many bytes a
#: partition.
_BATCH_BYTES: Final = 128 * 1024
#: Seconds between looks at the topics, and until an unanswered one counts as failed.
_INTERVAL: Final = 1.0

log = logging.getLogger(__name__)


class Publisher:
    """Publishes records on the input topics, each once, and answers once the broker has acknowledged them.

    Where a produce request's answer is lost, nobody can say whether the broker has the records. A broker with
    idempotent producers can be asked again: it drops what it has already. Any other is not asked again.

    Records have no key: a request names no entity whose order could matter, so they spread over all partitions and
    a busy worker never waits for one of them.

    Args:
        settings: The settings in force.
        room: Memory for what waits for the broker.
        batch_bytes: Most bytes of a record batch of more than one record.
    """

    def __init__(self, settings: Settings, room: Room, batch_bytes: int = _BATCH_BYTES) -> None:
        self._settings = settings
        self._room = room
        self._batch_bytes = batch_bytes
        self._failed = asyncio.Event()
        self._idempotent = False
        self._producer: AIOKafkaProducer | None = None
        #: Set once the topics are known to exist.
        self.topics_ready = asyncio.Event()

    async def publish(self, value: bytes, headers: Sequence[tuple[str, bytes]], topic: str) -> RecordMetadata:
        """Publish one record on an input topic; return where it stands once all in-sync replicas have it.

        After an error the record may still arrive, once: its produce request may be on its way, or be repeated by an
        idempotent producer, for as long as the broker is away.

        Raises:
            BrokerUnavailable: No acknowledgement within `publish_timeout`.
            Overloaded: Too much is under way already; the record was not sent.
            RecordError: The record is too large for the broker.
        """
        if self._producer is None:
            raise BrokerUnavailable("No broker answers; nothing was accepted.")
        try:
            with Share(self._room) as share:
                share.take(len(value) + _REQUEST_BYTES)
                return await self._send(self._producer, value, headers, topic)
        except MessageSizeTooLargeError:
            raise RecordError(
                Code.RECORD_TOO_LARGE, f"A record may have {self._settings.max_record_bytes} bytes; send fewer rows."
            ) from None
        except (TimeoutError, KafkaError) as exc:
            raise BrokerUnavailable(
                f"The broker did not acknowledge the request ({type(exc).__name__}); it may not be there."
            ) from exc

    async def _send(
        self, producer: AIOKafkaProducer, value: bytes, headers: Sequence[tuple[str, bytes]], topic: str
    ) -> RecordMetadata:
        async with asyncio.timeout(self._settings.publish_timeout):
            sent = await producer.send(topic, value, headers=headers)
            # It takes memory until it is settled, whether its caller still waits or not.
            self._room.taken += len(value)
            sent.add_done_callback(partial(self._settle, len(value)))
            return await asyncio.shield(sent)

    def _settle(self, size: int, sent: asyncio.Future[Any]) -> None:
        self._room.give_back(size)
        error = sent.exception()
        # The bare class is what aiokafka's sender task dies of; nothing can be sent with it afterwards. Neither can
        # it after a failure of an idempotent producer: the failed records leave a gap in its sequence numbers.
        if type(error) is KafkaError or (error is not None and self._idempotent):
            self._failed.set()

    async def check(self) -> None:
        """Ask the broker for the input topics.

        Raises:
            BrokerUnavailable: It does not answer, or lacks one of them; the message says which.
        """
        if self._producer is None:
            raise BrokerUnavailable(f"no broker answers at {self._settings.broker} (STREAMAPP_BROKER)")
        client = self._producer.client
        answered = False
        with contextlib.suppress(TimeoutError):
            # Not `wait_for`: on Python 3.11 that may swallow a cancellation.
            async with asyncio.timeout(_INTERVAL):
                answered = await client.force_metadata_update()
        if not answered:
            raise BrokerUnavailable(f"no broker answers at {self._settings.broker} (STREAMAPP_BROKER)")
        for topic in self._settings.input_topics:
            if client.cluster.partitions_for_topic(topic) is None:
                raise BrokerUnavailable(f"the broker has no topic {topic} (yet)")

    async def run(self) -> None:
        """Create the topics, connect, and stay connected until cancelled; then deliver what was sent.

        It returns where the producer has failed for good and a new one is needed.

        Raises:
            BrokerUnavailable: The broker refuses to create the topics.
            KafkaError: The connection could not be made.
        """
        await self._create_topics()
        producer = await self._connect()
        try:
            # By itself it keeps its eye on those alone that it has sent something to.
            await producer.client.set_topics(self._settings.input_topics)
            for topic in self._settings.input_topics:
                await producer.partitions_for(topic)
            self._producer = producer
            self._failed.clear()
            self.topics_ready.set()
            log.info("Connected to the broker at %s", self._settings.broker)
            await self._watch()
        finally:
            self._producer = None
            await _close(producer)

    async def _connect(self) -> AIOKafkaProducer:
        """Connect with an idempotent producer where the broker has them, else with one that repeats nothing."""
        try:
            producer = await self._started(enable_idempotence=True)
        except KafkaConnectionError:
            raise
        except KafkaError as exc:
            log.info("The broker has no idempotent producers (%r); no request is repeated", exc)
            producer = await self._started()
            # Records expire at once, which only counts where a request failed: aiokafka would repeat it.
            producer._message_accumulator._batch_ttl = 0  # noqa: SLF001  # there is no option for it
            self._idempotent = False
        else:
            self._idempotent = True
        return producer

    async def _started(self, **options: Any) -> AIOKafkaProducer:
        # Nobody waits longer for an answer than a caller does.
        patience = math.ceil(self._settings.publish_timeout * 1000)
        producer = kafka.producer(
            self._settings, ROLE, request_timeout_ms=patience, max_batch_size=self._batch_bytes, **options
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _watch(self) -> None:
        """Say when the broker goes and comes. One that has forgotten its topics gets them anew."""
        while not await self._fails_within(_INTERVAL):
            try:
                await self.check()
            except BrokerUnavailable as exc:
                log.warning("The broker is away: %s", exc)
                await self._create_topics()
                log.info("The broker is back")

    async def _fails_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._failed.wait()
        return self._failed.is_set()

    async def _create_topics(self) -> None:
        await kafka.ensure_topics(self._settings, topics(self._settings), ROLE, patience=math.inf)


async def _close(producer: AIOKafkaProducer) -> None:
    """Deliver what was sent, as far as the broker takes it in time, and disconnect."""
    # An idempotent producer never gives up; from here on, records expire as they do without.
    producer._sender._txn_manager = None  # noqa: SLF001  # there is no option for it
    await producer.stop()
