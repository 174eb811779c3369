"""A fitted model of each library, behind one face: predict, and log; without pickle, except where it says so."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

import lightgbm
import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import sklearn
import skops
from mlflow.models.model import ModelInfo
from sklearn.pipeline import Pipeline

Array = npt.NDArray[Any]

#: Classes beyond skops' own list that our pipelines hold. All are scikit-learn's and numpy's: data, no code of ours.
TRUSTED: Final = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.impute._iterative.IterativeImputer",  # on skops' list only where its experimental import was made
    "sklearn.impute._iterative._ImputerTriplet",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
)


class Fitted(Protocol):
    """A fitted model: of classes or of values."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever uses the logged model must know of its format."""

    def predict(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row: shape (rows,)."""

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class: shape (rows, classes), rows add up to 1. Not of a model of values."""

    def answer(self, features: pd.DataFrame) -> Array:
        """Return what the logged model answers: labels, values or probabilities."""

    def log(self, **options: Any) -> ModelInfo:
        """Log the model in the active MLflow run; options as `log_model` takes them."""


@dataclass(frozen=True)
class SklearnModel:
    """A scikit-learn pipeline, saved by skops.

    Attributes:
        pipeline: The pipeline.
        trusted: Classes and functions beyond skops' own list that it holds.
        libraries: Modules beyond scikit-learn's that it needs.
    """

    pipeline: Pipeline
    trusted: tuple[str, ...] = TRUSTED
    libraries: tuple[Any, ...] = ()
    notes: ClassVar[tuple[str, ...]] = ()

    @property
    def classes(self) -> list[Any]:
        """Labels in the order of the probabilities; empty where it predicts values."""
        return list(np.asarray(getattr(self.pipeline, "classes_", ())).tolist())

    def predict(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return np.asarray(self.pipeline.predict(features))

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class."""
        return np.asarray(self.pipeline.predict_proba(features))

    def answer(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return self.predict(features)

    def log(self, **options: Any) -> ModelInfo:
        """Log the pipeline."""
        needed = (mlflow, skops, pd, *self.libraries)
        info: ModelInfo = mlflow.sklearn.log_model(
            self.pipeline,
            serialization_format="skops",
            skops_trusted_types=list(self.trusted),
            pip_requirements=[_pin(sklearn, "scikit-learn"), *map(_pin, needed)],
            **options,
        )
        return info


@dataclass(frozen=True)
class LightgbmModel:
    """A multiclass booster, saved in LightGBM's own text format. What it predicts are probabilities."""

    booster: lightgbm.Booster
    notes: ClassVar[tuple[str, ...]] = ()

    def predict(self, features: pd.DataFrame) -> Array:
        """Return the label of each row."""
        return np.asarray(self.probabilities(features).argmax(axis=1))

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class."""
        return np.asarray(self.booster.predict(features))

    def answer(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class."""
        return self.probabilities(features)

    def log(self, **options: Any) -> ModelInfo:
        """Log the booster."""
        requirements = [_pin(mlflow), _pin(lightgbm), _pin(pd)]
        info: ModelInfo = mlflow.lightgbm.log_model(self.booster, pip_requirements=requirements, **options)
        return info


def _pin(module: Any, package: str = "") -> str:
    return f"{package or module.__name__}=={module.__version__}"
