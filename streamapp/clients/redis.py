"""Redis clients made from the settings."""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from streamapp.contracts.settings import Settings


def connect(settings: Settings, timeout: float = 2.0) -> Redis:
    """Make a client; it connects when it is first used.

    It does not retry by itself: each caller has its own rule for a Redis that is away.

    Args:
        settings: The settings in force.
        timeout: Seconds for a connection and for an answer.
    """
    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=15,
    )
