"""How long a caller wants to wait: the preference `wait` of the header `Prefer` (RFC 7240)."""

import math
from collections.abc import Iterable
from typing import Final

from api.errors import EdgeCode, Refusal

#: Seconds that a caller may wait at most, whatever it prefers.
LONGEST_WAIT: Final = 60.0


def wait(headers: Iterable[str]) -> float | None:
    """Return the seconds that a caller prefers to wait, `LONGEST_WAIT` at most; None where it does not say.

    Fractions are taken too. Preferences of other names are left alone, as the RFC has it; of several waits the first
    counts.

    Args:
        headers: Values of the `Prefer` headers.

    Raises:
        Refusal: It is no number of seconds.
    """
    for preference in ",".join(headers).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return min(_seconds(value.strip().strip('"')), LONGEST_WAIT)
    return None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Refusal(EdgeCode.INVALID_HEADER, "`Prefer: wait=SECONDS` takes a number of seconds, such as 2.5.")
    return seconds
