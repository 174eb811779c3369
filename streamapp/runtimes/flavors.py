"""Adapters: a loaded MLflow model of one flavour behind the port `scoring.model.Model`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import mlflow
import numpy as np
import pandas as pd

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError, PredictionError
from streamapp.runtimes.autogluon import AutoGluon
from streamapp.runtimes.columns import order
from streamapp.scoring.model import Model, Predicted, Table


class _Adapter:
    """What all adapters share: the card, and columns in the model's own order."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self._names = [feature.name for feature in card.features]
        self._order: list[int] | None = None

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def _frame(self, table: Table) -> pd.DataFrame:
        """Return the table as a frame with the card's names, in the model's order."""
        frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table, columns=self._names, copy=False)
        return frame if self._order is None else frame.iloc[:, self._order]


class LightGBM(_Adapter):
    """A LightGBM booster, called on the matrix without a frame in between.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: Its columns do not fit the signature.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card)
        loaded = mlflow.lightgbm.load_model(str(path))
        self._booster = getattr(loaded, "booster_", loaded)
        self._classes = list(getattr(loaded, "classes_", card.classes))
        self._order = order(card, self._booster.feature_name())

    def predict(self, table: Table) -> Predicted:
        """Predict the rows; for classes, the most probable one and all probabilities."""
        matrix: Any = table
        if isinstance(table, np.ndarray) and self._order is not None:
            matrix = table[:, self._order]
        elif isinstance(table, pd.DataFrame):
            matrix = self._frame(table)
        # One thread: handing a small batch to many costs more than it brings.
        raw = np.asarray(self._booster.predict(matrix, num_threads=1))
        if not self._classes:
            return Predicted(raw.tolist())
        probabilities = raw if raw.ndim > 1 else np.column_stack([1.0 - raw, raw])
        return _most_probable(probabilities, self._classes)


class Sklearn(_Adapter):
    """A scikit-learn estimator or pipeline.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: Its columns do not fit the signature.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card)
        self._estimator = mlflow.sklearn.load_model(str(path))
        fitted = getattr(self._estimator, "feature_names_in_", None)
        self._fitted = None if fitted is None else list(fitted)
        if self._fitted is not None:
            self._order = order(card, self._fitted)

    def predict(self, table: Table) -> Predicted:
        """Predict the rows; with probabilities where the estimator gives them."""
        rows: Any = table
        if self._fitted is not None:
            rows = self._frame(table).set_axis(self._fitted, axis=1)
        if hasattr(self._estimator, "predict_proba"):
            return _most_probable(self._estimator.predict_proba(rows), list(self._estimator.classes_))
        return Predicted(np.asarray(self._estimator.predict(rows)).tolist())


class PyFunc(_Adapter):
    """Any model with a `python_function` flavour, called through MLflow, which enforces its signature.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card)
        self._model = mlflow.pyfunc.load_model(str(path))

    def predict(self, table: Table) -> Predicted:
        """Predict the rows.

        Raises:
            PredictionError: It answered with more than one column.
        """
        answer = self._model.predict(self._frame(table))
        if isinstance(answer, pd.DataFrame):
            if answer.shape[1] != 1:
                raise PredictionError(f"The model answered {answer.shape[1]} columns; one is expected.")
            answer = answer.iloc[:, 0]
        return Predicted(np.asarray(answer).tolist())


#: Adapters by MLflow flavour, the most direct first; `python_function` serves what no other does.
ADAPTERS: Final[Mapping[str, Callable[[ModelCard, Path], Model]]] = {
    "autogluon": AutoGluon,
    "lightgbm": LightGBM,
    "sklearn": Sklearn,
    "python_function": PyFunc,
}


def adapter(flavors: Mapping[str, Any], name: str) -> tuple[str, Callable[[ModelCard, Path], Model]]:
    """Return the most direct flavour of a model that we have an adapter for, with the adapter.

    Raises:
        ModelLoadError: There is none.
    """
    for flavor, make in ADAPTERS.items():
        if flavor in flavors:
            return flavor, make
    raise ModelLoadError(
        f"{name}: no flavour of it can be served ({', '.join(flavors)}). Served: {', '.join(ADAPTERS)}."
    )


def _most_probable(probabilities: Any, classes: list[Any]) -> Predicted:
    best = np.asarray(classes)[np.argmax(probabilities, axis=1)]
    return Predicted(best.tolist(), np.asarray(probabilities).tolist())
