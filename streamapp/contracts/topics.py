"""The topics: their names, and the settings that the guarantees rest on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from streamapp.contracts.settings import Settings

_DAY_MS: Final = 24 * 60 * 60 * 1000
#: What a record batch may add to its records.
_FRAME: Final = 64 * 1024


#: Ten minutes, in segments of as long.
_SHORT: Final = {"retention.ms": "600000", "segment.ms": "600000"}


class Topic(Struct, frozen=True):
    """A topic as it is to be created.

    Attributes:
        name: Name on the broker.
        partitions: Number of partitions.
        replication: Number of replicas.
        config: Topic configuration, by Kafka's names.
    """

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = MappingProxyType({})


def topics(settings: Settings) -> tuple[Topic, ...]:
    """Return every topic that the settings name.

    Predictions and dead letters have as many partitions as the input: a record's outcome goes to the partition with
    its own number, which keeps its order. Markers of redriven dead letters are kept for ever: they are few and small,
    and a dead letter can outlive its retention by the age of its log segment. Replies are of use for as long as
    somebody waits, and what a worker says for as long as it lives and renews it.
    """
    keep = {"cleanup.policy": "delete", "retention.ms": str(settings.retention_days * _DAY_MS)}
    large = keep | _size(settings.max_output_bytes)
    count, replication = settings.partitions, settings.replication
    return (
        *(Topic(name, count, replication, keep | _size(settings.max_record_bytes)) for name in settings.input_topics),
        Topic(settings.predictions_topic, count, replication, large),
        Topic(settings.dead_letters_topic, count, replication, large),
        Topic(settings.replies_topic, settings.reply_partitions, replication, large | _SHORT),
        Topic(settings.switches_topic, 1, replication, keep),
        Topic(settings.redriven_topic, 1, replication, {"cleanup.policy": "compact"}),
        Topic(settings.models_topic, 1, replication, {"cleanup.policy": "compact"}),
        Topic(settings.status_topic, 1, replication, {"cleanup.policy": "compact,delete"} | _SHORT),
    )


def _size(largest: int) -> dict[str, str]:
    return {"max.message.bytes": str(largest + _FRAME)}
