"""The end of the edge, as those see it who read what may go on for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Closing:
    """Interrupts those who read when the edge is told to stop.

    Attributes:
        begun: Whether it was.
    """

    def __init__(self) -> None:
        self.begun = False
        self._reads: dict[asyncio.Timeout, float] = {}

    def begin(self) -> None:
        """Interrupt all who read, and all who begin to."""
        self.begun = True
        now = asyncio.get_running_loop().time()
        for read, grace in self._reads.items():
            read.reschedule(now + grace)

    @asynccontextmanager
    async def interrupting(self, grace: float = 0.0) -> AsyncIterator[None]:
        """End the block where the edge is told to stop.

        Args:
            grace: Seconds that the block may still take then.

        Raises:
            TimeoutError: It was.
        """
        if self.begun and not grace:
            raise TimeoutError  # a block that need not wait would not notice that its time is up
        async with asyncio.timeout(grace if self.begun else None) as read:
            self._reads[read] = grace
            try:
                yield
            finally:
                del self._reads[read]
