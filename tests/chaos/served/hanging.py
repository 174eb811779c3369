"""A model that never returns where a row's mood is 13, logged from this file as MLflow's models from code are."""

import threading
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class Hanging(PythonModel):
    """Says 1 of every row, but one holds it up for ever."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[int]:
        """Return 1 a row."""
        if (model_input["Mood"] == 13).any():
            threading.Event().wait()
        return [1] * len(model_input)


set_model(Hanging())
