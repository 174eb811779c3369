"""Two ways to compute what a model predicts: its library's own, and a quicker one, which has to prove itself first.

When a model is loaded, both are asked the same rows, and where the answers differ in anything the library's is kept.
Then both are timed on this machine, in turns, and the quicker one is taken for batches of the sizes that it is
quicker for. It may decline a call as well, which the library answers then.
"""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from streamapp.runtimes.parity import Function, Matrix, complete, difference, probes

log = logging.getLogger(__name__)

#: Rows of the batches that are timed.
_SIZES: Final = (1, 10, 30, 100, 1000)
_ROUNDS: Final = 5
#: Rows that are computed at a time: of more, the intermediate results leave the processor's cache.
_BLOCK: Final = 1000
#: A way that is not this much quicker is not worth it.
_WORTH: Final = 1.1


class Unknown(Exception):
    """A model has something for which there is no quicker way."""


class Declined(Exception):
    """These rows are for the library: what is wrong with them, it says in its own words."""


class Quicker(NamedTuple):
    """A quicker way, not proven yet.

    Attributes:
        name: What it is called in logs, cards and metrics.
        function: What it is. It may raise `Declined`.
        values: For each feature, values at which something changes or in the range of which it lies.
    """

    name: str
    function: Function
    values: Sequence[Matrix]


@dataclass(frozen=True)
class Ways:
    """Both ways, and which of them for how many rows.

    Attributes:
        plain: The library's.
        quick: The other.
        least: Rows from which on the other is taken.
    """

    plain: Function
    quick: Function
    least: int

    def __call__(self, rows: Matrix, /) -> Matrix:
        """Compute it. What is no matrix is the library's.

        Raises:
            Exception: Whatever the library raises.
        """
        if not isinstance(rows, np.ndarray) or len(rows) < self.least:
            return self.plain(rows)
        try:
            # What overflows is declined, or has a limit that is right.
            with np.errstate(over="ignore", invalid="ignore"):
                return _in_blocks(self.quick, rows)
        except Declined:
            return self.plain(rows)


def choose(model: str, plain: Function, make: Callable[[], Quicker]) -> tuple[str, Function]:
    """Return the name of the quicker way and both ways together, or "" and the library's.

    Args:
        model: What the model is called in logs.
        plain: The library's way.
        make: Makes the quicker one.
    """
    try:
        return _proven(model, plain, make())
    except Unknown as exc:
        log.info("%s is computed by its library: %s", model, exc)
    except Exception as exc:  # noqa: BLE001  # attributes of another version of the library, say
        log.warning("%s is computed by its library: the quicker way fails: %r", model, exc)
    return "", plain


def _proven(model: str, plain: Function, quicker: Quicker) -> tuple[str, Function]:
    """Return the quicker way's name, with both ways.

    Raises:
        Unknown: It answers otherwise, or is no quicker.
    """
    ways, rows = Ways(plain, quicker.function, least=1), probes(quicker.values)
    if differ := difference(plain, ways, rows):
        raise Unknown(f"{quicker.name} answer otherwise ({differ})")
    full = complete(rows)  # not every library takes gaps
    times = {size: _times_as_fast(ways, full[:size]) for size in _SIZES}
    said = ", ".join(f"{times[size]:.1f} times as fast for {size:,}" for size in _SIZES)
    least = next((size for size in _SIZES if all(times[one] > _WORTH for one in _SIZES if one >= size)), None)
    if least is None:
        raise Unknown(f"{quicker.name} are no quicker here ({said})")
    log.info("%s is computed by %s for batches of %d rows or more (%s)", model, quicker.name, least, said)
    return quicker.name, replace(ways, least=least)


def _in_blocks(function: Function, rows: Matrix) -> Matrix:
    if len(rows) <= _BLOCK:
        return function(rows)
    return np.concatenate([function(block) for block in np.array_split(rows, -(-len(rows) // _BLOCK))])


def _times_as_fast(ways: Ways, rows: Matrix) -> float:
    """Return how many times as fast the quicker way is. Processor time: what else runs here does not count."""
    taken = [(_seconds(ways.plain, rows), _seconds(ways.quick, rows)) for _ in range(_ROUNDS)]
    return statistics.median(plain / max(quick, 1e-9) for plain, quick in taken)


def _seconds(function: Function, rows: Matrix) -> float:
    started = time.thread_time()
    try:
        function(rows)
    except Declined:
        return float("inf")
    return time.thread_time() - started
