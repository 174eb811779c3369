"""More worker processes than there are partitions: those above have nothing to do, and somebody should know."""

import logging

from aiokafka.errors import KafkaError

from streamapp.clients.consuming import partitions
from streamapp.clients.kafka import ensure_topics
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics

_ROLE = "supervisor"
_log = logging.getLogger(__name__)


async def warn_of_idle(settings: Settings, count: int) -> None:
    """Log a warning where there are fewer partitions to read than processes; nothing where the broker is away.

    Args:
        settings: The settings in force.
        count: How many processes.
    """
    try:
        await ensure_topics(settings, topics(settings), _ROLE)
        found = {topic: len(await partitions(settings, topic, _ROLE)) for topic in settings.input_topics}
    except (BrokerUnavailable, KafkaError, OSError):
        return  # the workers tell of it
    # Topics are shared out side by side: a process has the same partitions of each.
    topic, most = max(found.items(), key=lambda each: each[1])
    if count > most:
        _log.warning(
            "%d worker processes share the %d partitions of %s: %d have nothing to do. Start no more processes than "
            "partitions, or give the topic more; STREAMAPP_PARTITIONS holds only where topics are created.",
            *(count, most, topic, count - most),
        )
