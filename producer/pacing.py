"""When each request is due."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def paced(items: Iterable[T], rate: float, stop: asyncio.Event) -> AsyncIterator[T]:
    """Yield items at a fixed rate until they or the time are at an end.

    The pace is open-loop: item i is due i / rate seconds after the first, however long the ones before it took.
    What was held up is made up for.

    Args:
        items: What to yield.
        rate: Items a second; 0 yields as fast as they are taken.
        stop: Ends the run, also while it waits.
    """
    clock = asyncio.get_running_loop().time
    start = clock()
    for i, item in enumerate(items):
        if rate:
            await rest(start + i / rate - clock(), stop)
        if stop.is_set():
            return
        yield item


async def rest(seconds: float, stop: asyncio.Event) -> None:
    """Wait for the time to pass or for `stop`, whichever is first."""
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
