"""Redis is emptied, then has no memory left. The mirror is made anew, and goes on where it stopped."""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from chaos.fault import Fault
from chaos.trial import Trial
from streamapp.clients.redis import connect

_REBUILDING_FOR = 1.0, 3.0
_FULL_FOR: Final = 5.0
_FULL: Final = 1
_NO_BOUND: Final = 0


async def _flush_then_fill(trial: Trial) -> None:
    """FLUSHALL; then let Redis refuse all that needs memory, and at last have enough again."""
    async with connect(trial.settings) as redis:
        await redis.flushall()
        await asyncio.sleep(trial.random.uniform(*_REBUILDING_FOR))
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", _FULL)
        await _stands_still(trial, redis)
        await redis.config_set("maxmemory", _NO_BOUND)


async def _stands_still(trial: Trial, redis: Redis) -> None:
    """The mirror waits while predictions go on."""
    stream = trial.settings.redis_predictions_stream
    mirrored, committed = await redis.xlen(stream), await trial.observer.committed()
    await asyncio.sleep(_FULL_FOR)
    trial.expect(await _refuses(redis), "Redis was not full")
    trial.expect(await redis.xlen(stream) == mirrored, "the mirror grew while Redis was full")
    trial.expect(await trial.observer.committed() > committed, "predictions stood still while Redis was full")


async def _refuses(redis: Redis) -> bool:
    try:
        await redis.set("chaos", "more")
    except OutOfMemoryError:
        return True
    return False


FAULTS = (Fault(15, "FLUSHALL, then no memory left in Redis", _flush_then_fill, repeats=False),)
