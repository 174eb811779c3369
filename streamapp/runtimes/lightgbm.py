"""LightGBM's boosters."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.runtimes.adapter import Computed
from streamapp.runtimes.answers import most_probable
from streamapp.runtimes.columns import order
from streamapp.runtimes.parity import Matrix
from streamapp.runtimes.trees import tables
from streamapp.runtimes.ways import Quicker, Unknown
from streamapp.scoring.model import Predicted, Table


class LightGBM(Computed):
    """A LightGBM booster, called on the matrix without a frame in between.

    Of several classes it answers the most probable one; of two only where the card or the model names them, and else
    what LightGBM does, the probability of the second.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: Its columns do not fit the signature.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card, path)
        loaded = mlflow.lightgbm.load_model(str(path))
        self._booster = getattr(loaded, "booster_", loaded)
        several = self._booster.num_model_per_iteration()
        classes = getattr(loaded, "classes_", card.classes or (range(several) if several > 1 else ()))
        if len(classes):
            self._classifies(classes)
        self._classes = list(self._card.classes)
        self._order = self._by_name()
        self._texts = [feature.name for feature in card.features if feature.type == "string"]
        self._require_categories()

    def predict(self, table: Table) -> Predicted:
        """Predict the rows; for classes, the most probable one and all probabilities."""
        raw = self._compute(self._matrix(table))
        if not self._classes:
            return Predicted(raw.tolist())
        return most_probable(raw if raw.ndim > 1 else np.column_stack([1.0 - raw, raw]), self._classes)

    def _plainly(self, rows: Any) -> Matrix:
        # One thread: handing a small batch to many costs more than it brings.
        return np.asarray(self._booster.predict(rows, num_threads=1))

    def _quicker(self) -> Quicker:
        if self._texts:
            raise Unknown("no quicker way for columns of strings")
        return tables(self._booster)

    def _matrix(self, table: Table) -> Any:
        if isinstance(table, np.ndarray) and not self._single:
            return table if self._order is None else table[:, self._order]
        frame = self._frame(table)
        types = {name: "category" if name in self._texts else np.float64 for name in frame}
        return frame.astype(types) if self._texts else frame.to_numpy(np.float64)

    def _by_name(self) -> list[int] | None:
        """Return the order of the booster's columns; one that was fitted on a matrix takes them as they come."""
        fitted = self._booster.feature_name()
        nameless = fitted == [f"Column_{place}" for place in range(len(self._names))]
        return None if nameless else order(self._card, fitted)

    def _require_categories(self) -> None:
        categories = len(self._booster.pandas_categorical or ())
        if categories != len(self._texts):
            raise ModelLoadError(
                f"{self._card.registered_name} {self._card.version} was fitted with {categories} categorical "
                f"columns, and its signature has {len(self._texts)} of strings. Log it in a scikit-learn pipeline "
                "that encodes its categories."
            )
