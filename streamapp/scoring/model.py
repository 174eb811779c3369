"""The port that a served model implements, and a twin for tests."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamapp.contracts.card import FeatureType, ModelCard
from streamapp.contracts.rows import Row

#: Rows as a model takes them: a float64 matrix (rows x features, NaN where a value is missing) where every feature
#: is a number, else a frame with the card's columns.
Table = NDArray[np.float64] | pd.DataFrame

#: Types of columns that lack no value.
_COMPLETE: Final[Mapping[FeatureType, str]] = MappingProxyType(
    {"number": "float64", "integer": "int64", "boolean": "bool", "string": "object"}
)


class Predicted(NamedTuple):
    """What a model says of n rows.

    Attributes:
        labels: n labels or values, as JSON has them.
        probabilities: n lists in the order of the card's `classes`; None where the model gives none.
    """

    labels: list[Any]
    probabilities: list[list[float]] | None = None


class Model(Protocol):
    """A loaded model.

    `predict` is called in a thread of the model's own, one call at a time. Only where a call hangs and was given up,
    the next one runs beside it, in another thread.
    """

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""

    def predict(self, table: Table) -> Predicted:
        """Predict all rows of a table, which is the model's own: it may be written to.

        Raises:
            Exception: Whatever the model's library raises. The caller tries the rows again in smaller groups, and
                makes dead letters of the requests that it concerns.
        """


@runtime_checkable
class Interruptible(Protocol):
    """A model whose call can be ended from another thread."""

    def interrupt(self) -> None:
        """End the call under way, which then raises.

        Raises:
            ServiceError: No other call can be made any more.
        """


def is_matrix(card: ModelCard) -> bool:
    """Say whether a model takes a matrix: every feature is a number."""
    return all(feature.type == "number" for feature in card.features)


def to_matrix(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Turn rows of numbers into a matrix, rows x features."""
    return np.array(rows, dtype=np.float64)  # None becomes NaN


def to_table(card: ModelCard, rows: Sequence[Row]) -> Table:
    """Turn rows in the order of the card's features into what the model takes.

    A frame has the types that `pandas.read_csv` finds in such values: integers some of which are missing are floats,
    missing strings and booleans NaN in a column of objects. Times are `datetime64[ns]` in UTC, without a zone.

    Raises:
        OverflowError: An integer has more than 64 bits.
        ValueError: A time is outside the years 1678 to 2261.
    """
    if is_matrix(card):
        return to_matrix(rows)
    columns = zip(card.features, zip(*rows, strict=True), strict=True)
    return pd.DataFrame({feature.name: _column(feature.type, values) for feature, values in columns})


def _column(kind: FeatureType, values: tuple[Any, ...]) -> "pd.Series[Any]":
    """Return the values of a feature as a column."""
    if kind == "timestamp":
        return pd.Series([_without_zone(value) for value in values], dtype="datetime64[ns]")
    if None not in values:
        return pd.Series(values, dtype=_COMPLETE[kind])
    if kind in {"number", "integer"}:
        return pd.Series(values, dtype="float64")
    return pd.Series([np.nan if value is None else value for value in values], dtype=object)


def _without_zone(time: datetime | None) -> datetime | None:
    """Return a time in UTC; one that says no zone is in UTC."""
    return time if time is None or time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def missing(card: ModelCard, table: Table) -> list[list[str]] | None:
    """Return for each row the names of the features that it lacks, or None where no row lacks any."""
    mask = np.isnan(table) if isinstance(table, np.ndarray) else table.isna().to_numpy()
    if not mask.any():
        return None
    features = np.array([feature.name for feature in card.features], dtype=object)
    names: list[list[str]] = [[] for _ in range(len(mask))]
    for row in np.flatnonzero(mask.any(axis=1)):
        names[row] = features[mask[row]].tolist()
    return names


class FunctionModel:
    """A model made of a plain function, for tests: `predict` gets the table and returns one label a row."""

    def __init__(self, card: ModelCard, function: Callable[[Table], list[Any]]) -> None:
        self._card = card
        self._function = function

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def predict(self, table: Table) -> Predicted:
        """Call the function."""
        return Predicted(self._function(table))
