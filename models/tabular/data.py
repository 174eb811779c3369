"""A table made ready for training: useful columns, rows with a target, and a split."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from models.tabular import Kind, columns, target
from models.tabular.columns import Column
from models.tabular.errors import TableError
from models.tabular.reading import read

_TEST_SHARE: Final = 0.2
#: Fewer rows would leave nothing to test on.
MIN_ROWS: Final = 20


@dataclass(frozen=True)
class Table:
    """What a model is trained and tested on.

    Attributes:
        source: Name of the file.
        target: Name of the column to predict.
        task: What predicting it is.
        columns: Columns of the features, in the file's order.
        left_out: Columns that are not used, with the reason.
        dropped: Rows without a target, or alone in their class.
        train: Features to train on; dates as `datetime64[ns]` in UTC, what is missing as NaN or NaT.
        train_target: Labels or values of `train`.
        test: Features to test on: a fifth of the rows, and of each class as nearly as its rows allow.
        test_target: Labels or values of `test`.
    """

    source: str
    target: str
    task: Kind
    columns: tuple[Column, ...]
    left_out: Mapping[str, str]
    dropped: int
    train: pd.DataFrame
    train_target: pd.Series
    test: pd.DataFrame
    test_target: pd.Series

    @property
    def example(self) -> pd.DataFrame:
        """One row of the test part: that with the fewest gaps."""
        gaps = self.test.isna().sum(axis=1)
        return self.test.loc[[gaps.idxmin()]]

    def names(self, *types: str) -> list[str]:
        """Return the columns of certain types."""
        return [column.name for column in self.columns if column.type in types]


def load(path: Path, target_name: str, seed: int = 42, task: Kind | None = None) -> Table:
    """Read a file, find out what its columns are, and split its rows 80/20.

    Args:
        path: CSV file.
        target_name: Column to predict.
        seed: Of the split.
        task: What predicting it is; None: found out.

    Raises:
        TableError: It cannot be read or learned from; the message says why and what to do.
    """
    return prepare(read(path), path.name, target_name, seed, task)


def prepare(frame: pd.DataFrame, source: str, target_name: str, seed: int = 42, task: Kind | None = None) -> Table:
    """Do the same with a frame."""
    name = target.find(list(frame.columns), target_name)
    wanted = frame[name].mask(frame[name].isin([np.inf, -np.inf]))
    task = task or target.task_of(wanted)
    labels = target.labels(wanted, task)
    if len(labels) < MIN_ROWS:
        raise TableError(f"{len(labels)} rows with a target are too few: {MIN_ROWS} are needed.")
    rows = frame.drop(columns=name).loc[labels.index]
    features = pd.DataFrame({column: columns.typed(rows[column]) for column in rows})
    reasons = {str(column): columns.useless(features[column]) for column in features}
    left_out = {column: reason for column, reason in reasons.items() if reason}
    features = features.drop(columns=list(left_out))
    if features.empty:
        raise TableError(f"No column is left to predict {name!r} from: {_listed(left_out)}.")
    train, test, train_target, test_target = _split(features, labels, task, seed)
    return Table(
        source=source,
        target=name,
        task=task,
        columns=tuple(columns.describe(features[column]) for column in features),
        left_out=left_out,
        dropped=len(frame) - len(labels),
        train=train,
        train_target=train_target,
        test=test,
        test_target=test_target,
    )


def _split(
    features: pd.DataFrame, labels: pd.Series, task: Kind, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series]:
    classes = task is Kind.CLASSIFICATION
    size = max(round(_TEST_SHARE * len(labels)), labels.nunique() if classes else 1)
    train, test, train_labels, test_labels = train_test_split(
        features, labels, test_size=size, random_state=seed, stratify=labels if classes else None
    )
    return train, test, train_labels, test_labels


def _listed(left_out: Mapping[str, str]) -> str:
    return ", ".join(f"{name!r} ({reason})" for name, reason in left_out.items())
