"""Whether two functions answer the same: the rows that they are asked, and how their answers are compared."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
#: From rows (rows x features, NaN where a value is missing), which it leaves as they are, to values of shape (rows,)
#: or probabilities of shape (rows, classes).
Function = Callable[[Matrix], Matrix]

#: What two ways to add or to round may differ by, relative to 1 or the value. scikit-learn differs from itself by
#: 1e-15 between a row alone and the same row among others: matrices of other shapes are multiplied in another order.
TOLERANCE: Final = 1e-12
_ROWS: Final = 2000
#: What lies far outside of what a model was fitted on.
_EXTREMES: Final = (1e30, -1e30, 1e200, -1e200)
#: Share of cells that are missing in the rows with gaps.
_GAPS: Final = 0.15


def probes(values: Sequence[Matrix], seed: int = 7) -> Matrix:
    """Return rows that a model may be asked, the worst of them included.

    Args:
        values: For each feature the values at which something changes, such as thresholds of trees, or that span the
            range in which it lies.
        seed: Of what is drawn.

    Returns:
        Rows with values at, just below and just above those, between and beyond them, and zeros; half of them with
        gaps, some without any value.
    """
    source = np.random.default_rng(seed)
    rows = np.stack([_cells(feature, source) for feature in values], axis=1)
    gaps = source.random(rows.shape) < _GAPS
    gaps[::2] = False
    gaps[1::200] = True
    rows[gaps] = np.nan
    return rows


def _cells(values: Matrix, source: np.random.Generator) -> Matrix:
    if not len(values):
        values = np.zeros(1)
    least, most = values.min(), values.max()
    margin = max(most - least, abs(most), 1.0)
    near = source.choice(values, _ROWS)
    choices = [
        near,
        np.nextafter(near, -np.inf),
        np.nextafter(near, np.inf),
        source.uniform(least - margin / 4, most + margin / 4, _ROWS),
        np.where(source.random(_ROWS) < 0.5, 0.0, -0.0),  # noqa: PLR2004  # half of them
    ]
    which = source.choice(len(choices), _ROWS, p=[0.15, 0.15, 0.15, 0.5, 0.05])
    return np.choose(which, choices)


def extremes(row: Matrix) -> Iterator[Matrix]:
    """Yield a row with each of its values in turn far outside of any range; shape (1, features) each."""
    for place in range(len(row)):
        for value in _EXTREMES:
            changed = row[np.newaxis].copy()
            changed[0, place] = value
            yield changed


def batches(rows: Matrix) -> list[Matrix]:
    """Return what two functions are to be asked: rows all together, some together and some alone.

    Args:
        rows: What `probes` made.

    Returns:
        The rows that lack no value come first.
    """
    full = rows[~np.isnan(rows).any(axis=1)]
    alone = (rows[place : place + 1] for place in range(8))
    return [full, rows, rows[:37], *alone, *extremes(full[0])]


def differences(plain: Function, other: Function, asked: Sequence[Matrix]) -> Iterator[str]:
    """Say of one batch after another how two functions differ on it; "" where they do not.

    They are the same where the most probable class is, and each number is within `TOLERANCE`. Where the one raises,
    the other must as well, but not on the first batch.
    """
    first = answer(plain, asked[0])
    yield "the library refuses what was to be compared" if first is None else _differ(first, answer(other, asked[0]))
    for batch in asked[1:]:
        yield _differ(answer(plain, batch), answer(other, batch))


def answer(function: Function, rows: Matrix) -> Matrix | None:
    """Return a function's answer; None where it raised."""
    try:
        with np.errstate(all="ignore"):
            return function(rows.copy())
    except Exception:  # noqa: BLE001  # a model's library may raise anything
        return None


def _differ(first: Matrix | None, second: Matrix | None) -> str:
    if first is None or second is None:
        return "" if first is second else "only one of them raises"
    if first.shape != second.shape:
        return f"shapes {first.shape} and {second.shape}"
    if first.ndim > 1 and (first.argmax(axis=1) != second.argmax(axis=1)).any():
        return "other labels"
    # Not `<=`: of what is no number, none is close.
    far = ~np.isclose(first, second, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return f"{np.count_nonzero(far)} numbers of {far.size}" if far.any() else ""
