"""How many records wait for the scoring workers: where they are too many, the edge takes no more."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from api.errors import Lagging
from streamapp.clients.backlog import backlogs, looker
from streamapp.clients.consuming import partitions, started
from streamapp.contracts.settings import Settings

ROLE: Final = "edge-lag"
#: Seconds between looks, and until an unanswered one counts as failed.
_INTERVAL: Final = 1.0
_PATIENCE: Final = 3.0
#: Seconds after which the last look says nothing any more.
_STALE: Final = 5.0
#: Share of the bound that the lag has to fall to until requests are taken again, so that it does not flutter.
_RELEASE: Final = 0.8
#: Milliseconds until partitions that were added to the topic are noticed.
_METADATA_AGE_MS: Final = 30_000


class _Seen(NamedTuple):
    """What was seen of one topic last.

    Attributes:
        records: Records that waited.
        at: When, on the monotonic clock.
        refusing: Whether they were too many.
    """

    records: int = 0
    at: float = -_STALE
    refusing: bool = False


class Lag:
    """Follows the lag of the scoring group on each input topic: ends of partitions less committed offsets.

    Each topic has the whole bound for itself: what waits for a slow model on a topic of its own keeps out the
    requests for that model, and no others. A lag that is not known (no broker answers) keeps nobody out: whether a
    record is accepted is then up to the broker alone.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen = dict.fromkeys(settings.input_topics, _Seen())

    def records(self, topic: str) -> int | None:
        """Return how many records of an input topic wait for the workers; None where that is not known."""
        seen = self._seen[topic]
        return seen.records if time.monotonic() - seen.at < _STALE else None

    def require_room(self, topic: str) -> None:
        """Check that the workers keep up with an input topic.

        Raises:
            Lagging: More than `max_lag` records wait, or did, and have not fallen to 0.8 of that since.
        """
        records = self.records(topic)
        if records is not None and self._seen[topic].refusing:
            raise Lagging(f"{records} records wait for the workers on {topic} already.")

    def update(self, topic: str, records: int) -> None:
        """Take note of what was seen just now."""
        bound = self._settings.max_lag * (_RELEASE if self._seen[topic].refusing else 1)
        self._seen[topic] = _Seen(records, time.monotonic(), records > bound)

    async def run(self) -> None:
        """Look until cancelled, or until a topic has other partitions.

        Raises:
            KafkaError: The broker refused.
            TimeoutError: It does not answer.
        """
        consumer = looker(self._settings, ROLE, metadata_max_age_ms=_METADATA_AGE_MS)
        async with started(consumer):
            assigned = {topic: await partitions(self._settings, topic, ROLE) for topic in self._seen}
            consumer.assign(list(chain.from_iterable(assigned.values())))
            while _same_partitions(consumer, assigned):
                async with asyncio.timeout(_PATIENCE):
                    await self._look(consumer)
                await asyncio.sleep(_INTERVAL)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        found = await backlogs(consumer)
        for topic in self._seen:
            self.update(topic, sum(one.waiting for partition, one in found.items() if partition.topic == topic))


def _same_partitions(consumer: AIOKafkaConsumer, assigned: Mapping[str, Sequence[TopicPartition]]) -> bool:
    return all(len(consumer.partitions_for_topic(topic) or own) == len(own) for topic, own in assigned.items())
