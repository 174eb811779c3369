"""At-least-once delivery: record batches, acknowledged by all in-sync replicas, retried until they are."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.delivery.port import never
from streamapp.delivery.records import Output, Target, outputs
from streamapp.scoring.records import Outcome

log = logging.getLogger(__name__)

#: Bytes of one record batch. A record alone may be larger, up to `Settings.max_output_bytes`.
BATCH_BYTES: Final = 512 * 1024
#: What the frames and headers of a record add to its key and value, generously.
FRAME_BYTES: Final = 16 * 1024


class AtLeastOnce:
    """Writes each batch's outputs as whole record batches: one a partition, more where they grow too large.

    aiokafka repeats a request that the broker did not acknowledge until its time-out. What is then still open is
    sent again from here, with backoff, until it arrives; the worker is held up meanwhile. A request that was written
    and whose answer was lost is written twice: brokers without idempotent producers cannot tell.
    The order within a partition is kept, since its next record batch is made only after the last was acknowledged.

    Args:
        settings: The settings in force.
        backoff: Seconds before the first repeat; doubled each time up to `max_backoff`.
        max_backoff: Longest pause between repeats, in seconds.
    """

    def __init__(self, settings: Settings, backoff: float = 0.1, max_backoff: float = 5.0) -> None:
        self._settings = settings
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """
        size = self._settings.max_output_bytes + FRAME_BYTES
        producer = kafka.producer(self._settings, "worker", max_batch_size=size, max_request_size=size)
        try:
            await producer.start()
        except (KafkaError, OSError) as exc:
            await producer.stop()
            raise BrokerUnavailable(
                f"No broker answers at {self._settings.broker} (STREAMAPP_BROKER): {exc}"
            ) from exc
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Deliver the outcome of one batch; returns when all of it is acknowledged, or once it is given up."""
        await asyncio.gather(
            *(self._write(target, records, given_up) for target, records in outputs(outcome, self._settings))
        )

    async def publish(self, card: ModelCard) -> None:
        """Publish a model's card.

        Raises:
            BrokerUnavailable: The broker did not acknowledge.
        """
        producer = self._started()
        try:
            await producer.send_and_wait(self._settings.models_topic, codec.encode(card), key=card.alias.encode())
        except KafkaError as exc:
            raise BrokerUnavailable(f"The card of {card.alias} was not acknowledged: {exc}") from exc

    async def _write(self, target: Target, records: Sequence[Output], given_up: Callable[[], bool]) -> None:
        producer = self._started()
        for builder in builders(producer, records):
            await self._send(producer, builder, target, given_up)

    async def _send(
        self, producer: AIOKafkaProducer, builder: Any, target: Target, given_up: Callable[[], bool]
    ) -> None:
        pause = self._backoff
        while not given_up():
            try:
                # `flush` and `send_batch` do not raise for a failed send: only the future tells.
                await (await producer.send_batch(builder, target.topic, partition=target.partition))
            except KafkaError as exc:
                if not exc.retriable:
                    raise BrokerUnavailable(
                        f"{target.topic}-{target.partition} refused a record batch: {exc}"
                    ) from exc
                log.warning("%s-%d did not acknowledge (%r); again in %.1f s", *target, exc, pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._max_backoff)
            else:
                return

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("deliver was called before start")
        return self._producer


def builders(producer: AIOKafkaProducer, records: Sequence[Output]) -> Iterator[Any]:
    """Return record batches that hold the records, in order; one that is large goes alone."""
    builder = producer.create_batch()
    for record in records:
        full = builder.record_count() and builder.size() + len(record.value or b"") > BATCH_BYTES
        if full or not _append(builder, record):
            builder.close()
            yield builder
            builder = producer.create_batch()
            _append(builder, record)  # an empty batch takes any record
    builder.close()
    yield builder


def _append(builder: Any, record: Output) -> bool:
    done = builder.append(key=record.key, value=record.value, timestamp=record.timestamp, headers=record.headers)
    return done is not None
