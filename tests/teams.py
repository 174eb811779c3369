"""LightGBM models of the size of teams, quick to train, in a real registry."""

from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

FEATURES = ("Sleep_Hours", "Team_Size")


def register(uri: str, name: str, *, large: int = 1, signature: ModelSignature | None = None, **options: Any) -> str:
    """Register a model that says `large` where a team is larger than ten, else the other; returns its version."""
    table = pd.DataFrame(np.random.default_rng(3).uniform(0, 20, size=(500, 2)), columns=list(FEATURES))
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(table, (table["Team_Size"] > 10) == bool(large)), 10)
    mlflow.set_tracking_uri(uri)
    info = mlflow.lightgbm.log_model(
        booster,
        name="model",
        registered_model_name=name,
        signature=signature or numbers(*FEATURES),
        input_example=table.head(1),
        pip_requirements=["lightgbm"],
        metadata={"task": "classification", "classes": [0, 1]},
        **options,
    )
    mlflow.set_tracking_uri(None)
    return str(info.registered_model_version)


def numbers(*names: str, required: bool = False) -> ModelSignature:
    """Return the signature of a model that takes these numbers."""
    return ModelSignature(Schema([ColSpec("double", name, required=required) for name in names]))
