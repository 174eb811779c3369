"""Two ways to compute what a model predicts: its library's own, and a quicker one, which has to prove itself first.

When a model is loaded, both are asked the same rows, and where the answers differ in anything the library's is kept.
Both are timed on this machine, in turns, and the quicker one is taken for batches of the sizes that it is quicker
for. It may decline a call as well, which the library answers then. A model that is so slow that all this would hold
up its loading is left to its library.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np

from streamapp.runtimes.parity import Function, Matrix, answer, batches, differences, probes

log = logging.getLogger(__name__)

#: Rows of the batches that are timed.
_SIZES: Final = (1, 10, 30, 100, 1000)
_ROUNDS: Final = 5
#: Rows that are computed at a time: of more, the intermediate results leave the processor's cache.
_BLOCK: Final = 1000
#: A way that is not this much quicker is not worth it.
_WORTH: Final = 1.1
#: Rows, and calls of which the shortest counts, by which the time for the proof is foreseen: a first call may import.
_FORESEEN_ROWS: Final = 30
_FORESEEN_CALLS: Final = 3
#: Seconds of a processor that the proof may take: those of known models need less than 2, and a worker that starts is
#: waited for.
_MOST_SECONDS: Final = 5.0
#: Seconds on the clock after which it is given up: four times as many, as others work on the machine, too.
_DEADLINE: Final = 20.0


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

    def __call__(self, rows: Any, /) -> Matrix:
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
        Unknown: It answers otherwise, is no quicker, or takes too long to prove.
    """
    ways, asked = Ways(plain, quicker.function, least=1), batches(probes(quicker.values))
    _require_soon(ways, [*map(len, asked), *_SIZES * _ROUNDS], asked[0])
    compared = _in_time(differences(plain, ways, asked))
    _require_same(quicker.name, next(compared))
    least, said = _least(quicker.name, ways, asked[0])
    for differ in compared:
        _require_same(quicker.name, differ)
    log.info("%s is computed by %s for batches of %d rows or more (%s)", model, quicker.name, least, said)
    return quicker.name, replace(ways, least=least)


def _require_soon(ways: Ways, sizes: Sequence[int], rows: Matrix) -> None:
    """Raise `Unknown` where calls of these sizes would take too long, as far as one row and some rows tell."""
    one = _foreseen(ways, rows[:1])
    _require_short(one * len(sizes))
    more = max(0.0, _foreseen(ways, rows[:_FORESEEN_ROWS]) - one) / (_FORESEEN_ROWS - 1)
    _require_short(sum(one + more * (size - 1) for size in sizes))


def _foreseen(ways: Ways, rows: Matrix) -> float:
    """Return the seconds that a call of both takes; what they raise is compared later."""
    return sum(min(_seconds_of_any(way, rows) for _ in range(_FORESEEN_CALLS)) for way in (ways.plain, ways.quick))


def _seconds_of_any(function: Function, rows: Matrix) -> float:
    started = time.thread_time()
    answer(function, rows)
    return time.thread_time() - started


def _require_short(seconds: float) -> None:
    if seconds > _MOST_SECONDS:
        raise Unknown(f"another way takes too long to prove ({seconds:.0f} s)")


def _in_time(compared: Iterable[str]) -> Iterator[str]:
    """Hand on what was compared, and raise `Unknown` where there is no time left for more."""
    until = time.monotonic() + _DEADLINE
    for differ in compared:
        yield differ
        if time.monotonic() > until:
            raise Unknown(f"another way takes too long to prove (more than {_DEADLINE:.0f} s)")


def _require_same(name: str, differ: str) -> None:
    if differ:
        raise Unknown(f"{name} answer otherwise ({differ})")


def _least(name: str, ways: Ways, rows: Matrix) -> tuple[int, str]:
    """Return the number of rows from which on the quicker way is quicker, and what was measured.

    Args:
        name: Of the quicker way.
        ways: Both.
        rows: Without gaps: not every library takes them.

    Raises:
        Unknown: There is no such number.
    """
    times = {size: _times_as_fast(ways, rows[:size]) for size in _SIZES}
    said = ", ".join(f"{times[size]:.1f} times as fast for {size:,}" for size in _SIZES)
    least = next((size for size in _SIZES if all(times[one] > _WORTH for one in _SIZES if one >= size)), None)
    if least is None:
        raise Unknown(f"{name} are no quicker here ({said})")
    return least, said


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
