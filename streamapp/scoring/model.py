"""The port that a served model implements, and a twin for tests."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamapp.contracts.card import ModelCard
from streamapp.contracts.rows import Row

#: Rows as a model takes them: a float64 matrix (rows x features, NaN where a value is missing) where every feature
#: is a number, else a frame with the card's columns.
Table = NDArray[np.float64] | pd.DataFrame


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


def to_table(card: ModelCard, rows: Sequence[Row]) -> Table:
    """Turn rows in the order of the card's features into what the model takes."""
    if all(feature.type == "number" for feature in card.features):
        return np.array(rows, dtype=np.float64)  # None becomes NaN
    frame = pd.DataFrame.from_records(list(rows), columns=[feature.name for feature in card.features])
    numbers = [feature.name for feature in card.features if feature.type == "number"]
    return frame.astype(dict.fromkeys(numbers, np.float64))


def missing(card: ModelCard, table: Table) -> list[list[str]] | None:
    """Return for each row the names of the features that it lacks, or None where no row lacks any."""
    mask = np.isnan(table) if isinstance(table, np.ndarray) else table.isna().to_numpy()
    if not mask.any():
        return None
    names = [feature.name for feature in card.features]
    return [[name for name, lacks in zip(names, row, strict=True) if lacks] for row in mask.tolist()]


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
