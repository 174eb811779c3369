"""The column that is to be predicted: its rows, and whether it is a value or a class."""

import difflib
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from models.tabular import Kind
from models.tabular.errors import TableError
from streamapp.contracts.card import canonical

#: Different whole numbers up to which they are taken for classes.
_MAX_WHOLE_CLASSES: Final = 20
#: Rows of a class: one to train, one to test.
_MIN_CLASS_ROWS: Final = 2
#: Share of different values from which on texts are no classes.
_NO_CLASSES: Final = 0.5


def find(columns: Sequence[str], target: str) -> str:
    """Return the column that is meant; spaces, underscores, hyphens and case do not count.

    Raises:
        TableError: There is none; the message names the nearest.
    """
    names = {canonical(name): name for name in columns}
    if canonical(target) in names:
        return names[canonical(target)]
    nearest = difflib.get_close_matches(canonical(target), names, n=1, cutoff=0.0)
    raise TableError(f"There is no column {target!r}. The nearest is {names[nearest[0]]!r}.")


def task_of(values: pd.Series) -> Kind:
    """Say what predicting these values is: regression where they are many numbers, or fractions."""
    if values.dtype.kind not in "if":
        return Kind.CLASSIFICATION
    distinct = values.dropna().unique()
    if len(distinct) > _MAX_WHOLE_CLASSES:
        return Kind.REGRESSION
    whole = all(float(value).is_integer() for value in distinct)
    return Kind.CLASSIFICATION if whole else Kind.REGRESSION


def labels(values: pd.Series, task: Kind) -> pd.Series:
    """Return the values that are there, as the predictions are to be: numbers, whole numbers, booleans or strings.

    Of classes that have a single row, that row is left out: one cannot both train and test.

    Raises:
        TableError: They cannot be learned: always the same, or no two rows of a class; the message says which.
    """
    present = values.dropna()
    if present.nunique() < 2:  # noqa: PLR2004  # nothing to tell apart
        raise TableError(f"The target {values.name!r} is always the same: there is nothing to learn.")
    if task is Kind.REGRESSION:
        return _numbers(present)
    if present.dtype == object and present.nunique() > _NO_CLASSES * len(present):
        raise TableError(
            f"The target {values.name!r} has {present.nunique()} different texts in {len(present)} rows: those are "
            "no classes. Name a column whose values repeat."
        )
    counts = present.map(present.value_counts())
    kept = present[counts >= _MIN_CLASS_ROWS]
    if kept.nunique() < 2:  # noqa: PLR2004  # as above
        raise TableError(f"The target {values.name!r} has no two classes with two rows each.")
    return _restored(kept)


def _numbers(values: pd.Series) -> pd.Series:
    if values.dtype.kind not in "if":
        raise TableError(f"The target {values.name!r} holds no numbers, so regression is not possible.")
    return values.astype(np.float64)


def _restored(values: pd.Series) -> pd.Series:
    """Undo what gaps did to the type: whole numbers become floats by them, and booleans objects."""
    if values.dtype.kind == "f":
        if (values % 1 != 0).any():
            raise TableError(f"The target {values.name!r} holds fractions: those are values, no classes.")
        return values.astype(np.int64)
    if values.dtype != object:
        return values
    return values.astype(bool if values.isin([True, False]).all() else str)
