"""The delivery that the settings ask for, as far as the broker can give it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError

from streamapp.clients import kafka
from streamapp.clients.consuming import partitions
from streamapp.contracts.errors import BrokerUnavailable, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.delivery.port import Delivery, never
from streamapp.delivery.producers import ROLE
from streamapp.scoring.records import Outcome

log = logging.getLogger(__name__)

#: Seconds for the broker to know a topic that was made just now, and between looks.
_PATIENCE: Final = 15.0
_PAUSE: Final = 0.2


class Configured:
    """The delivery with the guarantee of the settings; which one that is, the broker is asked at the start.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chosen: Delivery | None = None

    async def start(self) -> None:
        """Ask the broker what it can do and which partitions replies may go to, and connect.

        Raises:
            SettingsError: `exactly_once` is asked for, and the broker has no transactions.
            BrokerUnavailable: No broker answers.
        """
        self._chosen = await choose(await _with_reply_partitions(self._settings))
        await self._chosen.start()

    async def stop(self) -> None:
        """Disconnect."""
        if self._chosen is not None:
            await self._chosen.stop()

    @property
    def commits_offsets(self) -> bool:
        """Whether the input offset behind a batch is committed with its outcome. Known once started."""
        return self._started().commits_offsets

    async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
        """Deliver the outcome of one batch; see `Delivery`."""
        await self._started().deliver(outcome, given_up)

    async def release(self) -> None:
        """Let go of what is held for single partitions; see `Delivery`."""
        await self._started().release()

    async def publish(self, topic: str, key: str, value: bytes | None) -> None:
        """Publish a record of a compacted topic; see `Delivery`."""
        await self._started().publish(topic, key, value)

    def _started(self) -> Delivery:
        if self._chosen is None:
            raise RuntimeError("the delivery was used before its start")
        return self._chosen


async def _with_reply_partitions(settings: Settings) -> Settings:
    """Return the settings with the number of partitions that the replies topic has, whoever made it.

    Where workers start together one of them has made it just now, and the broker may not know it yet.
    """
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            count = len(await partitions(settings, settings.replies_topic, ROLE))
        except (KafkaError, OSError) as exc:
            passes = isinstance(exc, OSError) or exc.retriable
            if not passes or asyncio.get_running_loop().time() >= deadline:
                name = settings.replies_topic
                raise BrokerUnavailable(f"{name} at {settings.broker} cannot be asked for: {exc!r}") from exc
            log.debug("%s cannot be asked for yet: %r", settings.replies_topic, exc)
            await asyncio.sleep(_PAUSE)
        else:
            return settings.model_copy(update={"reply_partitions": count})


async def choose(settings: Settings) -> Delivery:
    """Return the delivery (not started) with the guarantee of the settings.

    Raises:
        SettingsError: `exactly_once` is asked for, and the broker has no transactions.
        BrokerUnavailable: No broker answers.
    """
    wanted = settings.processing_guarantee
    able = await kafka.transactions(settings, ROLE, needed=wanted != "at_least_once")
    if wanted == "exactly_once" and not able:
        raise SettingsError(
            f"STREAMAPP_PROCESSING_GUARANTEE is exactly_once, but the broker at {settings.broker} (STREAMAPP_BROKER) "
            "has no transactions. Use Apache Kafka or Redpanda, or set it to at_least_once."
        )
    exactly = able and wanted != "at_least_once"
    because = "" if able else ": the broker has no transactions"
    log.info("Guarantee: %s%s", "exactly_once" if exactly else "at_least_once", because)
    return ExactlyOnce(settings) if exactly else AtLeastOnce(settings, idempotent=able)
