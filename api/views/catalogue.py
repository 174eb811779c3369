"""The served models as their cards on the compacted topic say: what the edge knows instead of the models."""

import asyncio
import difflib
import logging
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from api.errors import ModelNotReady, NoModels
from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import Code, MalformedRecord, UnknownModel
from streamapp.contracts.rows import RowDecoder
from streamapp.contracts.settings import Settings

ROLE: Final = "edge-models"
#: Milliseconds without a record after which the end of the topic counts as reached.
_QUIET_MS: Final = 250
#: Seconds after which the topic is read from its beginning again. A broker that was restarted without its data
#: starts over with the same offsets, and no position tells that from silence; the topic is small.
_REREAD: Final = 5.0

log = logging.getLogger(__name__)


class Catalogue:
    """Follows the models topic and keeps a row decoder for each card.

    A card that cannot be used is logged and leaves the one before it in force.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = TopicPartition(settings.models_topic, 0)
        self._decoders: dict[str, RowDecoder] = {}
        self._seen: dict[str, bytes] = {}

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The cards in force, by alias."""
        return tuple(decoder.card for _, decoder in sorted(self._decoders.items()))

    def decoder(self, alias: str) -> RowDecoder:
        """Return the row decoder of a model.

        Raises:
            NoModels: No card is known yet.
            ModelNotReady: The settings name the model, but it has no card yet.
            UnknownModel: Nothing serves under this alias; the message names the nearest that does.
        """
        decoder = self._decoders.get(alias)
        return decoder if decoder is not None else self._miss(alias)

    def _miss(self, alias: str) -> RowDecoder:
        if not self._decoders:
            raise NoModels("No model card is known yet; the scoring worker publishes them once it has loaded models.")
        if alias in self._settings.models:
            raise ModelNotReady(
                f"Model {alias!r} has no card yet; the scoring worker publishes it once it is loaded."
            )
        nearest = difflib.get_close_matches(alias[:100], self._decoders, n=1, cutoff=0.0)[0]
        raise UnknownModel(
            Code.UNKNOWN_MODEL,
            f"No model serves under this alias; the nearest is {nearest!r}. GET /models lists them all.",
        )

    async def run(self) -> None:
        """Follow the topic until cancelled.

        Raises:
            KafkaError: The connection could not be made, or the topic not read.
        """
        async with started(kafka.consumer(self._settings, ROLE)) as consumer:
            consumer.assign([self._topic])
            while True:
                consumer.seek(self._topic, 0)
                await self._follow(consumer, _REREAD)

    async def _follow(self, consumer: AIOKafkaConsumer, seconds: float) -> None:
        """Read for some seconds. Cards take effect once the topic is quiet, so that no outdated one ever does."""
        latest: dict[bytes, bytes | None] = {}
        deadline = asyncio.get_running_loop().time() + seconds
        while latest or asyncio.get_running_loop().time() < deadline:
            records = (await consumer.getmany(self._topic, timeout_ms=_QUIET_MS)).get(self._topic)
            if records:
                latest.update((record.key or b"", record.value) for record in records)
            else:
                self._apply(latest)
                latest = {}

    def _apply(self, latest: dict[bytes, bytes | None]) -> None:
        for key, value in latest.items():
            alias = key.decode(errors="replace")
            if value is None:
                self._decoders.pop(alias, None)
                self._seen.pop(alias, None)
            elif self._seen.get(alias) != value:
                self._seen[alias] = value
                self._learn(alias, value)

    def _decoder(self, card: ModelCard) -> RowDecoder:
        limits = self._settings
        return RowDecoder(card, limits.max_rows, limits.max_fields, limits.max_depth)

    def _learn(self, alias: str, value: bytes) -> None:
        try:
            decoder = self._decoder(codec.decode_card(value))
        except (MalformedRecord, ValueError) as exc:
            log.warning("The card of model %r cannot be used: %s", alias, exc)
            return
        self._decoders[alias] = decoder
        log.info("Model %r is served: %s version %s", alias, decoder.card.registered_name, decoder.card.version)
