"""Long work on the event loop, in turns with all else that the edge does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

#: Rounds of the event loop that are left to others after a turn, while they have something to do: about as many as a
#: single request takes.
_ROUNDS: Final = 10


class Turns:
    """One turn at a time, whoever takes it, and between two of them time for others.

    Args:
        waiting: Says whether others have something to do.
    """

    def __init__(self, waiting: Callable[[], object]) -> None:
        self._waiting = waiting
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; the block takes it."""
        async with self._lock:
            yield
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
                if not self._waiting():
                    break
