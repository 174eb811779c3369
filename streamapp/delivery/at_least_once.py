"""At-least-once delivery: record batches, acknowledged by all in-sync replicas, retried until they are."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.delivery import producers
from streamapp.delivery.port import never
from streamapp.delivery.records import Output, Target, outputs
from streamapp.scoring.records import Outcome

log = logging.getLogger(__name__)

#: Seconds between looks at whether a batch under way was given up.
_LOOK: Final = 0.1


class AtLeastOnce:
    """Writes each batch's outputs as whole record batches: one a partition, more where they grow too large.

    aiokafka repeats a request that the broker did not acknowledge. Where the broker has idempotent producers it does
    so until it succeeds, and a request whose answer was lost is written once. Elsewhere it gives up in the end;
    what is then still open is sent again from here, with backoff, and may be written twice: such a broker cannot
    tell. The order within a partition is kept: its next record batch is made only after the last was acknowledged.

    Args:
        settings: The settings in force.
        idempotent: Whether the broker has idempotent producers.
        backoff: Seconds before the first repeat; doubled each time up to `max_backoff`.
        max_backoff: Longest pause between repeats, in seconds.
    """

    commits_offsets: Final = False

    def __init__(
        self, settings: Settings, *, idempotent: bool = False, backoff: float = 0.1, max_backoff: float = 5.0
    ) -> None:
        self._settings = settings
        self._idempotent = idempotent
        self._backoff = backoff
        self._max_backoff = max_backoff
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailable: The broker does not answer.
        """
        self._producer = await producers.started(self._settings, enable_idempotence=self._idempotent)

    async def stop(self) -> None:
        """Disconnect; what was not acknowledged may or may not arrive."""
        if self._producer is not None:
            await producers.discard(self._producer)

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
        await producers.publish(self._started(), self._settings, card)

    async def _write(self, target: Target, records: Sequence[Output], given_up: Callable[[], bool]) -> None:
        producer = self._started()
        for builder in producers.builders(producer, records):
            await self._send(producer, builder, target, given_up)

    async def _send(
        self, producer: AIOKafkaProducer, builder: Any, target: Target, given_up: Callable[[], bool]
    ) -> None:
        pause = self._backoff
        while not given_up():
            try:
                # `flush` and `send_batch` do not raise for a failed send: only the future tells.
                sent = await producer.send_batch(builder, target.topic, partition=target.partition)
                while not sent.done() and not given_up():
                    await asyncio.wait([sent], timeout=_LOOK)
                if sent.done():
                    sent.result()
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
