"""An AutoGluon predictor as MLflow loads it. This file travels with the model, and needs nothing else of ours."""

from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Predictor(PythonModel):
    """Answers the label or value of each row, as an array."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the predictor, and its models into memory: from disk each call would take a second."""
        from autogluon.tabular import TabularPredictor

        self.predictor = TabularPredictor.load(context.artifacts["predictor"])
        self.predictor.persist()

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> Any:  # noqa: ARG002  # MLflow's own interface
        """Predict the rows."""
        return np.asarray(self.predictor.predict(model_input))


mlflow.models.set_model(Predictor())
