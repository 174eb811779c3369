"""A model that raises where a row's mood is 13, logged from this file as MLflow's models from code are."""

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Raising(PythonModel):
    """Says 1 of every row, but cannot bear one."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[int]:
        """Return 1 a row."""
        if (model_input["Mood"] == 13).any():
            raise ValueError("a mood of 13")
        return [1] * len(model_input)


set_model(Raising())
