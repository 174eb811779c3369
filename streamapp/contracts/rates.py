"""Rates: how many requests a caller may send in which time. Pure."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

#: A rate as it is written: `100/second`.
PATTERN: Final = r"[1-9][0-9]{0,8}/(?:second|minute|hour|day)"
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}


class Rate(NamedTuple):
    """So many in so many seconds.

    Attributes:
        most: How many.
        seconds: In which time.
    """

    most: int
    seconds: int


@lru_cache(maxsize=256)
def parse_rate(text: str) -> Rate:
    """Return a rate that is written as `100/second`; also `minute`, `hour`, `day`.

    Raises:
        ValueError: It is written in another way.
    """
    if not re.fullmatch(PATTERN, text):
        raise ValueError("a rate is written as COUNT/second, COUNT/minute, COUNT/hour or COUNT/day")
    count, _, period = text.partition("/")
    return Rate(int(count), _SECONDS[period])
