"""Rate limits that hold over all edges together, by counters in Redis.

A period of a rate (a second, a minute, ...) is a window with a counter of its own, which all edges raise. An edge
takes more than one request at once from it and hands them out by itself: a twentieth of what is left there, so that
few are taken that nobody uses, and none near the limit. That is a hundred calls of Redis for a thousand requests,
and none once the limit is reached. No script is needed: a user of Redis without EVAL will do.

While Redis is away each edge counts by itself, up to the whole limit, from what it has let through in the window. No
edge ever lets more than that through, so N edges let N times the limit through at most. They ask Redis again after a
second.
"""

import asyncio
import logging
import math
import time
from itertools import islice
from typing import Final

from redis.exceptions import RedisError

from api.errors import RateLimited
from api.own_redis import OwnRedis
from streamapp.contracts.rates import Rate
from streamapp.contracts.settings import Settings
from streamapp.metrics import edge as metrics

#: Seconds until a Redis that has not answered is asked again.
_PAUSE: Final = 1.0
#: Part of what is left in a window that an edge takes at once.
_PART: Final = 20
#: Callers whose windows are kept; beyond that the oldest are begun anew from what Redis says.
_MOST: Final = 10_000
#: Part of them that are dropped at once, so that looking for them is rare.
_DROPPED: Final = 10

log = logging.getLogger(__name__)


class _Window:
    """What one edge knows of one caller's requests in one period.

    Attributes:
        rate: The caller's rate.
        number: Which period, counted from 1970 on.
        taken: Requests that were taken from Redis and not handed out.
        used: Requests that were handed out.
        free: Requests that nobody has taken, as Redis said last.
        asking: Held while Redis is asked.
    """

    def __init__(self, rate: Rate, number: int) -> None:
        self.rate = rate
        self.number = number
        self.taken = 0
        self.used = 0
        self.free = rate.most
        self.asking = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there may be more for this edge than it has taken."""
        return self.free > 0 and self.used < self.rate.most

    def give(self, wanted: int, *, alone: bool) -> int:
        """Hand out up to as many requests as are wanted, and return how many."""
        there = max(self.taken, self.rate.most - self.used) if alone and self.free else self.taken
        given = min(wanted, there, self.rate.most - self.used)
        self.taken = max(0, self.taken - given)
        self.used += given
        return given


class Limits(OwnRedis):
    """Counts the requests of callers; a context manager that closes its connections.

    Args:
        settings: The settings in force.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._prefix = f"{settings.redis_prefix}rate:"
        self._windows: dict[str, _Window] = {}
        self._away_until = 0.0

    async def take(self, who: str, rate: Rate, wanted: int = 1) -> int:
        """Count requests of a caller; return how many of them it may send: at least one.

        Args:
            who: The caller.
            rate: Its rate.
            wanted: How many it would send.

        Raises:
            RateLimited: None any more in this period.
        """
        now = time.time()
        window = self._window(who, rate, int(now // rate.seconds))
        if window.taken < wanted and window.is_open:
            async with window.asking:
                await self._refill(who, window, wanted)
        given = window.give(wanted, alone=self._is_away)
        if not given:
            metrics.RATE_LIMITED.inc()
            raise RateLimited(rate, max(1, math.ceil((window.number + 1) * rate.seconds - now)))
        return given

    @property
    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _window(self, who: str, rate: Rate, number: int) -> _Window:
        window = self._windows.get(who)
        if window is None or window.number != number or window.rate != rate:
            self._windows.pop(who, None)  # the new one stands at the end: they are in the order of their age
            if len(self._windows) >= _MOST:
                self._drop()
            window = self._windows[who] = _Window(rate, number)
        return window

    def _drop(self) -> None:
        """Drop the windows of past periods; where that is none, the oldest ones."""
        now = time.time()
        past = [who for who, window in self._windows.items() if (window.number + 1) * window.rate.seconds <= now]
        for who in past or list(islice(self._windows, max(1, _MOST // _DROPPED))):
            del self._windows[who]

    async def _refill(self, who: str, window: _Window, wanted: int) -> None:
        """Take requests from Redis, where others that waited as well have not."""
        if window.taken >= wanted or not window.is_open or self._is_away:
            return
        part = max(wanted - window.taken, window.free // _PART)
        try:
            total = await self._raise(f"{self._prefix}{who}:{window.number}", part, window.rate.seconds)
        except (RedisError, OSError) as exc:
            log.warning("Redis is away (%s); this edge counts the requests of callers alone", type(exc).__name__)
            self._away_until = time.monotonic() + _PAUSE
            return
        window.taken += max(0, min(part, window.rate.most - (total - part)))
        window.free = max(0, window.rate.most - total)

    async def _raise(self, key: str, number: int, seconds: int) -> int:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incrby(key, number)
            pipe.expire(key, seconds)
            total, _ = await pipe.execute()
        return int(total)
