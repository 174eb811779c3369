"""Places for work that takes much memory while it lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.errors import Overloaded


class Places:
    """A number of places; who finds none free waits, and whoever came first is first.

    Args:
        count: Places.
        queue: How many may wait: they have taken in what they wait with.

    Attributes:
        waiting: How many do.
    """

    def __init__(self, count: int, queue: int) -> None:
        self.waiting = 0
        self._queue = queue
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place; the block has it.

        Raises:
            Overloaded: As many wait already as may.
        """
        if self._free.locked() and self.waiting >= self._queue:
            raise Overloaded("Too many requests are under way.")
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()
