"""Dead letters counted."""

from collections import Counter
from collections.abc import AsyncIterator

import msgspec

from streamapp.dlq.letters import Letter
from streamapp.dlq.times import hour


class Stats(msgspec.Struct, frozen=True):
    """How many dead letters there are.

    Attributes:
        letters: Those that were asked for and wait.
        redriven: Those that were asked for and were redriven already; they are in none of the other counts.
        codes: Waiting ones by reason, most first.
        models: Waiting ones by alias, most first; "" where it is not known.
        hours: Waiting ones by the hour that they were written in, UTC, in order.
    """

    letters: int
    redriven: int
    codes: dict[str, int]
    models: dict[str, int]
    hours: dict[str, int]


async def count(letters: AsyncIterator[Letter]) -> Stats:
    """Count dead letters; nothing but the counts is held."""
    redriven = 0
    codes, models, hours = Counter[str](), Counter[str](), Counter[str]()
    async for letter in letters:
        if letter.redriven is not None:
            redriven += 1
            continue
        codes[letter.code] += 1
        models[letter.dead.model] += 1
        hours[hour(letter.timestamp)] += 1
    return Stats(
        letters=codes.total(),
        redriven=redriven,
        codes=dict(codes.most_common()),
        models=dict(models.most_common()),
        hours=dict(sorted(hours.items())),
    )
