"""A consumer is stopped, whatever of it does not want to end."""

import asyncio
from typing import Any

from streamapp.clients.consuming import started


class Deaf:
    """Stands in for aiokafka's consumer whose fetches overhear a cancellation: that takes luck to provoke."""

    def __init__(self) -> None:
        self._client = self
        self.closed = 0
        self.fetching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.fetching = asyncio.create_task(self._fetch())
        await asyncio.sleep(0)

    async def _fetch(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        assert self.fetching is not None
        self.fetching.cancel()
        await self.fetching

    async def close(self) -> None:
        self.closed += 1


async def test_fetches_that_overhear_a_cancellation_are_cancelled_again() -> None:
    consumer: Any = Deaf()
    async with asyncio.timeout(5), started(consumer, patience=0.05):
        pass
    assert consumer.fetching.cancelled()
    assert consumer.closed
