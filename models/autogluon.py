"""A fitted AutoGluon predictor behind the face of `flavors.Fitted`, logged so that any MLflow client can load it."""

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mlflow
import numpy as np
import pandas as pd
from mlflow.models.model import ModelInfo

from models.flavors import Array

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

#: Its code travels with the model.
_SERVED: Final = Path(__file__).with_name("autogluon_served.py")
#: Libraries that a predictor made of boosted trees, forests and linear models needs where it is loaded.
_PACKAGES: Final = ("autogluon.tabular", "lightgbm", "mlflow", "pandas", "scikit-learn")


@dataclass(frozen=True)
class AutogluonModel:
    """A tabular predictor, saved as AutoGluon does it. What it predicts are labels, or values."""

    predictor: "TabularPredictor"

    def predict(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return np.asarray(self.predictor.predict(features))

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class, in the order of the predictor's `class_labels`."""
        return np.asarray(self.predictor.predict_proba(features, as_multiclass=True))

    def answer(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return self.predict(features)

    def log(self, **options: Any) -> ModelInfo:
        """Log the predictor's folder, with the code that loads it."""
        info: ModelInfo = mlflow.pyfunc.log_model(
            python_model=str(_SERVED),
            artifacts={"predictor": os.fspath(self.predictor.path)},
            pip_requirements=[f"{package}=={version(package)}" for package in _PACKAGES],
            **options,
        )
        return info
