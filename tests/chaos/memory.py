"""Resident memory of processes, as the system accounts for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

import psutil

from streamapp.embedded.processes import Child

MIB: Final = 1024 * 1024


def resident(child: Child) -> int:
    """Return the bytes of a process that are in memory; 0 where it has gone."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(child.pid).memory_info().rss)
    return 0


@contextlib.asynccontextmanager
async def growth(children: Mapping[str, Child], every: float = 0.25) -> AsyncIterator[dict[str, int]]:
    """Watch processes while the block lasts.

    Args:
        children: Processes by name.
        every: Seconds between looks.

    Yields:
        By name, the bytes by which each has been larger at most than in the beginning.
    """
    first = {name: resident(child) for name, child in children.items()}
    most = dict.fromkeys(children, 0)

    async def look() -> None:
        while True:
            for name, child in children.items():
                most[name] = max(most[name], resident(child) - first[name])
            await asyncio.sleep(every)

    task = asyncio.create_task(look())
    try:
        yield most
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
