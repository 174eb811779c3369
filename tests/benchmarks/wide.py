"""`python -m benchmarks.wide URL COLUMNS...`: trains LightGBM models with so many columns, and registers them.

As large as the employees' LightGBM: three classes, 50 rounds. A program of its own: it needs MLflow and scikit-learn.
"""

import sys
from itertools import islice

import mlflow
import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from mlflow.models import infer_signature

from benchmarks.registries import wide_name
from benchmarks.traffic import feature_names, numbers

_ROWS = 3000


def train(columns: int) -> None:
    """Train one model, and register it."""
    frame = pd.DataFrame(islice(numbers(columns), _ROWS), columns=feature_names(columns))
    noise = np.random.default_rng(7).normal(scale=0.5, size=_ROWS)
    labels = np.digitize(frame.iloc[:, :10].sum(axis=1) + noise, [-1.5, 1.5])
    model = LGBMClassifier(n_estimators=50, random_state=7, n_jobs=1, verbose=-1).fit(frame, labels)
    with mlflow.start_run():
        mlflow.lightgbm.log_model(
            model.booster_,
            name="model",
            signature=infer_signature(frame, labels),
            input_example=frame.head(1),
            registered_model_name=wide_name(columns),
        )


if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    for each in sys.argv[2:]:
        train(int(each))
