"""An AutoGluon predictor as MLflow loads it. This file travels with the model, and needs nothing else of ours."""

import logging
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Predictor(PythonModel):
    """Answers the label or value of each row, as an array.

    With `params={"probabilities": True}` a classifier answers a frame with one column a class.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the predictor, and its models into memory: from disk each call would take a second."""
        from autogluon.tabular import TabularPredictor

        logging.getLogger("autogluon").setLevel(logging.ERROR)
        self.predictor = TabularPredictor.load(context.artifacts["predictor"])
        self.predictor.persist(max_memory=None)

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None) -> Any:  # noqa: ARG002  # MLflow's own interface
        """Predict the rows; columns that are left out are missing values."""
        rows = model_input.reindex(columns=self.predictor.original_features)
        if params and params.get("probabilities"):
            return self.predictor.predict_proba(rows)
        return np.asarray(self.predictor.predict(rows))


mlflow.models.set_model(Predictor())
