"""The cards on the models topic: what is served, by whichever worker."""

import logging
from typing import Final

from aiokafka import TopicPartition

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts import codec
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.settings import Settings

ROLE: Final = "worker-cards"
#: Longest wait for records; behind the last one the high watermark says that there are no more.
_POLL_MS: Final = 500

log = logging.getLogger(__name__)


async def read(settings: Settings) -> dict[str, ModelCard]:
    """Return the newest card of each alias; one that cannot be used is left out.

    Raises:
        KafkaError: The broker does not answer.
    """
    newest: dict[str, bytes | None] = {}
    topic = TopicPartition(settings.models_topic, 0)
    async with started(kafka.consumer(settings, ROLE)) as consumer:
        consumer.assign([topic])
        await consumer.seek_to_beginning(topic)
        end = None
        while end is None or await consumer.position(topic) < end:
            for record in (await consumer.getmany(topic, timeout_ms=_POLL_MS)).get(topic, ()):
                newest[(record.key or b"").decode(errors="replace")] = record.value
            end = consumer.highwater(topic)
    return {alias: card for alias, value in newest.items() if value and (card := _card(alias, value))}


def _card(alias: str, value: bytes) -> ModelCard | None:
    try:
        return codec.decode_card(value)
    except MalformedRecord as exc:
        log.warning("The card of model %r cannot be used: %s", alias, exc)
        return None
