"""The end of the edge, as those see it who read what may go on for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Closing:
    """Interrupts those who read when the edge is told to stop."""

    def __init__(self) -> None:
        self._begun = False
        self._reads: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        """Interrupt all who read, and all who begin to."""
        self._begun = True
        for read in self._reads:
            read.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def interrupting(self) -> AsyncIterator[None]:
        """End the block where the edge is told to stop.

        Raises:
            TimeoutError: It was.
        """
        async with asyncio.timeout(0 if self._begun else None) as read:
            self._reads.add(read)
            try:
                yield
            finally:
                self._reads.discard(read)
