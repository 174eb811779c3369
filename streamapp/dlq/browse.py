"""The dead letters that are there now, one after the other."""

import heapq
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import count

from streamapp.clients.scanning import scan
from streamapp.contracts.settings import Settings
from streamapp.dlq.entries import Entry, to_entry
from streamapp.dlq.letters import Letter, Wanted, to_letter
from streamapp.dlq.markers import read_markers


async def browse(settings: Settings, wanted: Wanted, *, redriven: bool = False) -> AsyncGenerator[Letter, None]:
    """Yield the dead letters that are asked for, in the order of each partition.

    Args:
        settings: The settings in force.
        wanted: Which ones.
        redriven: Whether to yield those that were redriven, too.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    markers = await read_markers(settings)
    async with aclosing(scan(settings, settings.dead_letters_topic)) as batches:
        async for records in batches:
            for record in records:
                letter = to_letter(record, markers.redriven(record))
                if (redriven or letter.redriven is None) and wanted.has(letter):
                    yield letter


async def newest(letters: AsyncIterator[Letter], limit: int) -> tuple[list[Entry], int]:
    """Return the newest dead letters, oldest first, and how many there are in all. No more than these are held."""
    kept: list[tuple[int, int, Entry]] = []
    numbers = count()
    async for letter in letters:
        item = (letter.timestamp, next(numbers), to_entry(letter))
        (heapq.heappush if len(kept) < limit else heapq.heappushpop)(kept, item)
    return [entry for _, _, entry in sorted(kept)], next(numbers)
