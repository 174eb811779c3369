"""The summary as a file, for a program that follows the run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from producer.summary import Summary, Tally

_SECONDS: Final = 1.0


def save(summary: Summary, file: Path) -> None:
    """Write the summary; a reader finds the file whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(msgspec.json.encode(summary) + b"\n")
    part.replace(file)


@asynccontextmanager
async def saved(tally: Tally, file: Path | None) -> AsyncIterator[None]:
    """Write the summary so far once a second until the block is left.

    Args:
        tally: The counts.
        file: Where to; None: nowhere.
    """
    task = asyncio.create_task(_save_again_and_again(tally, file)) if file is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


async def _save_again_and_again(tally: Tally, file: Path) -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    while True:
        save(tally.summary(clock() - start), file)
        await asyncio.sleep(_SECONDS)
