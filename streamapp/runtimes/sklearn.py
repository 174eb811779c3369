"""scikit-learn's estimators and pipelines."""

from pathlib import Path
from typing import Any, Final

import mlflow
import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from streamapp.contracts.card import ModelCard
from streamapp.runtimes.adapter import Computed, several_columns
from streamapp.runtimes.answers import labels, most_probable
from streamapp.runtimes.columns import order
from streamapp.runtimes.parity import Matrix
from streamapp.runtimes.steps import steps
from streamapp.runtimes.ways import Quicker, Unknown
from streamapp.scoring.model import Predicted, Table

#: Classifiers of which scikit-learn says, or its code, that they predict the first of the most probable classes. Of
#: others the two can differ (`SVC`, tuned thresholds), so they are asked for both.
_PREDICT_THE_MOST_PROBABLE: Final = frozenset(
    {
        "CalibratedClassifierCV",
        "DecisionTreeClassifier",
        "ExtraTreesClassifier",
        "KNeighborsClassifier",
        "LGBMClassifier",
        "RandomForestClassifier",
    }
)


class Sklearn(Computed):
    """A scikit-learn estimator or pipeline.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: Its columns do not fit the signature, or it predicts several.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card, path)
        self._estimator = mlflow.sklearn.load_model(str(path))
        fitted = getattr(self._estimator, "feature_names_in_", None)
        self._fitted = None if fitted is None else list(fitted)
        if self._fitted is not None:
            self._order = order(card, self._fitted)
        last = self._estimator[-1] if hasattr(self._estimator, "steps") else self._estimator
        self._once = type(last).__name__ in _PREDICT_THE_MOST_PROBABLE
        self._probable = hasattr(self._estimator, "predict_proba")
        if is_classifier(self._estimator):
            self._require_one_output()
            self._classifies(self._estimator.classes_ if self._probable else ())

    def predict(self, table: Table) -> Predicted:
        """Predict the rows; with probabilities where the estimator gives them."""
        if self._card.way and isinstance(table, np.ndarray):
            rows = table if self._order is None else table[:, self._order]
            return most_probable(self._compute(rows), list(self._estimator.classes_))
        rows = self._rows(table)
        probabilities = self._estimator.predict_proba(rows) if self._probable else None
        if probabilities is not None and self._once:
            return most_probable(probabilities, list(self._estimator.classes_))
        found = labels(self._estimator.predict(rows))
        return Predicted(found, None if probabilities is None else np.asarray(probabilities).tolist())

    def _rows(self, table: Table) -> Any:
        if self._fitted is not None:
            return self._frame(table).set_axis(self._fitted, axis=1)
        return self._frame(table).to_numpy() if isinstance(table, pd.DataFrame) or self._single else table

    def _plainly(self, rows: Any) -> Matrix:
        named = rows if self._fitted is None else pd.DataFrame(rows, columns=self._fitted, copy=False)
        return np.asarray(self._estimator.predict_proba(named))

    def _quicker(self) -> Quicker:
        if not (self._once and self._probable) or self._single:
            raise Unknown("no quicker way for such a model")
        if any(feature.type != "number" for feature in self._card.features):
            raise Unknown("no quicker way for columns that are no numbers")
        return steps(self._estimator)

    def _require_one_output(self) -> None:
        if isinstance(self._estimator.classes_, list):
            raise several_columns(self._card, len(self._estimator.classes_))
