"""The data: generated or from a file, cleaned, and split as the older system did it."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from producer.employees import FEATURES, FLAGS, NUMERIC, TARGET, employees

#: Names of the labels 0, 1, 2.
CLASS_NAMES: Final = ("Low", "Medium", "High")
#: Burn rate at which each class after the first begins.
BOUNDS: Final = (0.33, 0.66)

_TEST_SHARE: Final = 0.2
#: The split's own seed: that of the older system, so that scores can be compared with its.
_SPLIT_SEED: Final = 42


class DataError(ValueError):
    """The file is not what the training needs; the message says why."""


@dataclass(frozen=True)
class Split:
    """Features in raw units (columns `FEATURES`, NaN where missing) and labels 0, 1, 2 of both parts.

    Attributes:
        source: Where the rows come from.
        dropped: Rows that were left out: no target, or two and more values missing.
    """

    train: pd.DataFrame
    train_labels: pd.Series
    test: pd.DataFrame
    test_labels: pd.Series
    source: str
    dropped: int


def load(csv: Path | None, rows: int, seed: int) -> Split:
    """Read the file, or generate rows where there is none; clean and split.

    Args:
        csv: File with the columns of the real data.
        rows: Rows to generate.
        seed: Of the generator.

    Raises:
        OSError: The file cannot be read.
        DataError: It is no CSV, or lacks a column; the message names it.
    """
    if csv is None:
        return split(pd.DataFrame(islice(employees(seed), rows)), f"{rows} generated rows, seed {seed}")
    try:
        raw = pd.read_csv(csv)
    except ValueError as exc:  # pandas' own errors and wrong encodings
        raise DataError(f"{csv} is no CSV file: {exc}") from None
    return split(raw, csv.name)


def split(raw: pd.DataFrame, source: str) -> Split:
    """Clean rows and split them 80/20 at random, seed 42, not stratified.

    Of the two kinds of split only this one gives the scores that the older system logged.

    Raises:
        DataError: A column is missing; the message names it.
    """
    kept = clean(raw)
    train, test, train_labels, test_labels = train_test_split(
        features(kept), labels(kept), test_size=_TEST_SHARE, random_state=_SPLIT_SEED
    )
    return Split(train, train_labels, test, test_labels, source, len(raw) - len(kept))


def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """Drop rows without a target or with two and more missing values.

    Raises:
        DataError: A column is missing; the message names it.
    """
    absent = {TARGET, *NUMERIC, *(column for column, _ in FLAGS.values())} - set(raw.columns)
    if absent:
        raise DataError(f"The data lacks these columns: {', '.join(sorted(absent))}.")
    return raw[raw[TARGET].notna() & (raw.isna().sum(axis=1) < 2)]  # noqa: PLR2004  # two and more, as above


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the features of rows: spelled as the API does, raw units, floats."""
    numbers = rows[list(NUMERIC)].rename(columns=NUMERIC).astype(float)
    flags = {name: (rows[column] == value).astype(float) for name, (column, value) in FLAGS.items()}
    return numbers.assign(**flags)[list(FEATURES)]


def labels(rows: pd.DataFrame) -> pd.Series:
    """Return the class of rows that have a target."""
    return pd.Series(np.digitize(rows[TARGET].astype(float), BOUNDS), index=rows.index, name="burn_out")


def with_gaps(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a copy in which each row lacks values at random: none of them, all of them, or any share between."""
    rng = np.random.default_rng(seed)
    return rows.mask(rng.random(rows.shape) < rng.random((len(rows), 1)))
