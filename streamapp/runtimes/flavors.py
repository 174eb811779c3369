"""Adapters: a loaded MLflow model of one flavour behind the port `scoring.model.Model`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import mlflow
import msgspec
import numpy as np
import pandas as pd
from mlflow.models import Model as MlflowModel
from mlflow.types import DataType, Schema, TensorSpec
from sklearn.base import is_classifier

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError, PredictionError
from streamapp.runtimes.answers import labels, most_probable
from streamapp.runtimes.apart import Apart
from streamapp.runtimes.autogluon import AutoGluon
from streamapp.runtimes.columns import by_missing_integers, order, single_precision
from streamapp.runtimes.requirements import requirement
from streamapp.scoring.model import Model, Predicted, Table

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


class _Adapter:
    """What all adapters share: the card, and columns in the model's own order and precision."""

    def __init__(self, card: ModelCard, path: Path) -> None:
        self._card = card
        self._names = [feature.name for feature in card.features]
        self._order: list[int] | None = None
        self._single = single_precision(path)

    @property
    def card(self) -> ModelCard:
        """What the model takes and gives."""
        return self._card

    def _frame(self, table: Table) -> pd.DataFrame:
        """Return the table as a frame with the card's names, in the model's order."""
        frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table, columns=self._names, copy=False)
        if self._single:
            frame = frame.astype(dict.fromkeys(self._single, np.float32))
        return frame if self._order is None else frame.iloc[:, self._order]

    def _classifies(self, classes: Any) -> None:
        """Note the classes that the model itself knows, in the order of its probabilities."""
        known = self._card.classes or tuple(labels(np.asarray(classes)))
        self._card = msgspec.structs.replace(self._card, task="classification", classes=known)


class LightGBM(_Adapter):
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
        # One thread: handing a small batch to many costs more than it brings.
        raw = np.asarray(self._booster.predict(self._matrix(table), num_threads=1))
        if not self._classes:
            return Predicted(raw.tolist())
        return most_probable(raw if raw.ndim > 1 else np.column_stack([1.0 - raw, raw]), self._classes)

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


class Sklearn(_Adapter):
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
        rows: Any = table
        if self._fitted is not None:
            rows = self._frame(table).set_axis(self._fitted, axis=1)
        elif isinstance(table, pd.DataFrame) or self._single:
            rows = self._frame(table).to_numpy()
        probabilities = self._estimator.predict_proba(rows) if self._probable else None
        if probabilities is not None and self._once:
            return most_probable(probabilities, list(self._estimator.classes_))
        found = labels(self._estimator.predict(rows))
        return Predicted(found, None if probabilities is None else np.asarray(probabilities).tolist())

    def _require_one_output(self) -> None:
        if isinstance(self._estimator.classes_, list):
            raise _several_columns(self._card, len(self._estimator.classes_))


class PyFunc(_Adapter):
    """Any model with a `python_function` flavour, called through MLflow, which enforces its signature.

    MLflow knows no missing integer: a column may only be left out as a whole. So rows that lack the same integers are
    predicted together, without those columns.

    Args:
        card: The model's card.
        path: Folder with the `MLmodel` file.

    Raises:
        ModelLoadError: It predicts several columns.
    """

    def __init__(self, card: ModelCard, path: Path) -> None:
        super().__init__(card, path)
        self._model = mlflow.pyfunc.load_model(str(path))
        columns = self._model.metadata.get_input_schema().inputs
        self._integers = {
            column.name: column.type.to_numpy()
            for column in columns
            if column.type in (DataType.integer, DataType.long)
        }
        self._booleans = [feature.name for feature in card.features if feature.type == "boolean"]
        _require_one_output(card, self._model.metadata.get_output_schema())

    def predict(self, table: Table) -> Predicted:
        """Predict the rows.

        Raises:
            PredictionError: It answered with more than one column, or with what is no label.
        """
        frame = self._frame(table)
        # MLflow takes a column in which all booleans are missing as None only.
        nones = {name: frame[name].astype(object).where(frame[name].notna(), None) for name in self._booleans}
        found: dict[int, Any] = {}
        for places, rows in by_missing_integers(frame.assign(**nones), self._integers):
            answered = labels(self._model.predict(rows))
            if len(answered) != len(rows):
                raise PredictionError(f"The model answered {len(answered)} predictions for {len(rows)} rows.")
            found.update(zip(places, answered, strict=True))
        return Predicted([found[place] for place in sorted(found)])


def autogluon(card: ModelCard, path: Path) -> Apart:
    """Load a tabular predictor of AutoGluon, in a process of its own; see `Apart` for the errors."""
    return Apart(AutoGluon, card, path / MlflowModel.load(str(path)).flavors["autogluon"]["predictor"])


#: Adapters by MLflow flavour, the most direct first; `python_function` serves what no other does.
ADAPTERS: Final[Mapping[str, Callable[[ModelCard, Path], Model]]] = {
    "autogluon": autogluon,
    "lightgbm": LightGBM,
    "sklearn": Sklearn,
    "python_function": PyFunc,
}


def adapter(flavors: Mapping[str, Any], name: str) -> tuple[str, Callable[[ModelCard, Path], Model]]:
    """Return the most direct flavour of a model that we have an adapter for, with the adapter.

    Raises:
        ModelLoadError: There is none; the adapter raises it where a library of the model is not installed.
    """
    for flavor, make in ADAPTERS.items():
        if flavor in flavors:
            return flavor, partial(_with_libraries, make)
    raise ModelLoadError(
        f"{name}: no flavour of it can be served ({', '.join(flavors)}). Served: {', '.join(ADAPTERS)}."
    )


def _with_libraries(make: Callable[[ModelCard, Path], Model], card: ModelCard, path: Path) -> Model:
    try:
        return make(card, path)
    except ModuleNotFoundError as exc:
        module = (exc.name or "").partition(".")[0]
        raise ModelLoadError(
            f"{card.registered_name} {card.version} needs {module}, which is not installed where the worker runs: "
            f"pip install '{requirement(path, module)}'"
        ) from exc


def _require_one_output(card: ModelCard, outputs: Schema | None) -> None:
    if outputs is None:
        return
    first = outputs.inputs[0]
    columns = first.shape[-1] if isinstance(first, TensorSpec) and len(first.shape) > 1 else len(outputs.inputs)
    if columns > 1:
        raise _several_columns(card, columns)


def _several_columns(card: ModelCard, columns: int) -> ModelLoadError:
    return ModelLoadError(
        f"{card.registered_name} {card.version} predicts {columns} columns; one can be served. Register a model for "
        "each."
    )
