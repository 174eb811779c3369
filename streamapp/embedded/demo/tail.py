"""Reads the topics as they grow, from their beginning and outside any consumer group, into the counts."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from streamapp.contracts.codec import DEAD_LETTER_PREFIX, INPUT_TIMESTAMP, decode_card, decode_prediction
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.messages import Headers
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.demo.counts import Counts

#: Milliseconds that an idle read waits. The embedded broker looks for new records only once in that time.
_POLL_MS = 50


class Tail:
    """Counts what flows. A record that is not ours counts as one, and says nothing more.

    Args:
        settings: The settings in force; the topics must be there.

    Attributes:
        counts: What was read until now.
    """

    def __init__(self, settings: Settings) -> None:
        self.counts = Counts()
        self._settings = settings
        self._readers = {
            **dict.fromkeys(settings.input_topics, self._read_requests),
            settings.predictions_topic: self._read_predictions,
            settings.dead_letters_topic: self._read_dead_letters,
            settings.models_topic: self._read_cards,
        }

    async def follow(self) -> None:
        """Read until cancelled."""
        from aiokafka import TopicPartition

        from streamapp.clients.kafka import consumer

        async with consumer(self._settings, "demo", fetch_max_wait_ms=_POLL_MS) as reader:
            ours = [topic for topic in topics(self._settings) if topic.name in self._readers]
            reader.assign([TopicPartition(topic.name, i) for topic in ours for i in range(topic.partitions)])
            while True:
                batches = await reader.getmany(timeout_ms=_POLL_MS)
                for partition, records in batches.items():
                    self._readers[partition.topic](records)

    def _read_requests(self, records: Sequence[Any]) -> None:
        self.counts.sent += len(records)

    def _read_predictions(self, records: Sequence[Any]) -> None:
        now = time.time()
        for record in records:
            try:
                prediction = decode_prediction(record.value or b"")
            except MalformedRecord:
                self.counts.predictions += 1
            else:
                self.counts.add_prediction(prediction, _accepted_ms(record.headers), now)

    def _read_dead_letters(self, records: Sequence[Any]) -> None:
        self.counts.add_dead_letters(_code(record.headers) for record in records)

    def _read_cards(self, records: Sequence[Any]) -> None:
        for record in records:
            with suppress(MalformedRecord):
                self.counts.add_card(decode_card(record.value or b""))


def _accepted_ms(headers: Headers) -> int | None:
    value = _header(headers, INPUT_TIMESTAMP)
    return int(value) if value.isdecimal() else None


def _code(headers: Headers) -> str:
    return _header(headers, f"{DEAD_LETTER_PREFIX}code") or "unknown"


def _header(headers: Headers, name: str) -> str:
    """Return a header as text, "" where it is not there or has no value."""
    return (dict(headers).get(name) or b"").decode("ascii", "replace")
