"""A fitted AutoGluon predictor behind the face of `flavors.Fitted`, logged so that any MLflow client can load it."""

import logging
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import Model
from mlflow.models.model import ModelInfo
from mlflow.types import DataType, ParamSchema, ParamSpec

from models.flavors import Array

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

#: Parameter of a classifier's signature: `predict(rows, params={"probabilities": True})` answers probabilities.
PROBABILITIES: Final = ParamSchema([ParamSpec("probabilities", DataType.boolean, default=False)])

#: Its code travels with the model.
_SERVED: Final = Path(__file__).with_name("autogluon_served.py")
#: Where MLflow puts the predictor's folder.
_FOLDER: Final = "artifacts/predictor"
#: Libraries that a predictor made of boosted trees, forests and linear models needs where it is loaded.
_PACKAGES: Final = ("autogluon.tabular", "lightgbm", "mlflow", "pandas", "scikit-learn")


#: What whoever loads such a model must know.
PICKLE: Final = (
    "AutoGluon saves predictors by pickle, which can run any code when it is loaded: load only versions from a "
    "registry that you trust. Nothing of ours is pickled."
)


@dataclass(frozen=True)
class AutogluonModel:
    """A tabular predictor, saved as AutoGluon does it: by pickle. What it predicts are labels, or values."""

    predictor: "TabularPredictor"
    notes: ClassVar[tuple[str, ...]] = (PICKLE,)

    @property
    def classes(self) -> list[Any]:
        """Labels in the order of the probabilities; empty where it predicts values."""
        return list(np.asarray(self.predictor.class_labels or ()).tolist())

    def predict(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return np.asarray(self.predictor.predict(features))

    def probabilities(self, features: pd.DataFrame) -> Array:
        """Return the probability of each class, in the order of `classes`."""
        return np.asarray(self.predictor.predict_proba(features, as_multiclass=True))

    def answer(self, features: pd.DataFrame) -> Array:
        """Return the label or value of each row."""
        return self.predict(features)

    def log(self, **options: Any) -> ModelInfo:
        """Log what of the predictor's folder is needed to predict, with the code that loads it."""
        with tempfile.TemporaryDirectory(prefix="streamapp-predictor-") as folder:
            info: ModelInfo = Model.log(
                artifact_path=None,
                flavor=SimpleNamespace(__name__="autogluon", save_model=_save),
                python_model=str(_SERVED),
                artifacts={"predictor": self.predictor.clone_for_deployment(f"{folder}/predictor")},
                pip_requirements=[f"{package}=={version(package)}" for package in _PACKAGES],
                **options,
            )
        return info


def quiet() -> None:
    """Let AutoGluon speak of errors alone, and not of the lack of torch: nothing here needs it."""
    logging.getLogger("autogluon").setLevel(logging.ERROR)
    logging.getLogger("autogluon.common.utils.resource_utils").setLevel(logging.CRITICAL)


def _save(path: Path, mlflow_model: Model, **options: Any) -> None:
    """Save as `pyfunc` for any client, and name beside it where the predictor is, for those that know AutoGluon."""
    mlflow_model.add_flavor("autogluon", predictor=_FOLDER, autogluon_version=version("autogluon.tabular"))
    mlflow.pyfunc.save_model(path, mlflow_model=mlflow_model, **options)
