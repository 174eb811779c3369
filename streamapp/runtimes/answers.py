"""What models of any library answer, as the labels of a prediction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from streamapp.contracts.errors import PredictionError
from streamapp.runtimes.columns import wire_value
from streamapp.scoring.model import Predicted


def labels(answer: Any) -> list[Any]:
    """Return one JSON value a row: a number, string or boolean; times as strings in ISO 8601.

    Args:
        answer: An array, list, series or frame with one value a row.

    Raises:
        PredictionError: It is something else: several columns, or values that are no labels.
    """
    if isinstance(answer, pd.DataFrame):
        answer = answer.to_numpy() if answer.shape[1] != 1 else answer.iloc[:, 0]
    array = answer if isinstance(answer, list | pd.Series) else np.atleast_1d(np.asarray(answer))
    if isinstance(array, np.ndarray):
        if array.ndim > 1 and array[0].size != 1:
            raise PredictionError(f"The model answered {array[0].size} columns; one is expected.")
        array = array.reshape(len(array))
        if array.dtype.kind in "iufbU":
            return list(array.tolist())
    return [_label(value) for value in array]


def most_probable(probabilities: Any, classes: Sequence[Any]) -> Predicted:
    """Return the first of the most probable classes of each row, with all probabilities.

    Args:
        probabilities: Shape (rows, classes).
        classes: Labels in their order.
    """
    best = np.asarray(classes)[np.argmax(probabilities, axis=1)]
    return Predicted(labels(best), np.asarray(probabilities).tolist())


def _label(value: Any) -> Any:
    label = wire_value(value.item() if isinstance(value, np.ndarray) and value.size == 1 else value)
    if isinstance(label, int | float | str):  # booleans are integers
        return label
    raise PredictionError(
        f"The model answered {type(value).__name__}; a number, string, boolean or time is expected."
    )
