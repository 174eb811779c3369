"""Train the three models and register them."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import mlflow
import pandas as pd
from mlflow.data.dataset import Dataset
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import infer_signature

from models.employees import ROWS, card, data
from models.employees.data import CLASS_NAMES, Split
from models.employees.recipes import RECIPES
from models.evaluation import macro_f1, plots, scores
from models.flavors import Fitted
from models.registry import Registered, Registration, optional_numbers, register
from producer.employees import FEATURES
from streamapp.runtimes.manifests import Manifests

EXPERIMENT: Final = "employees"


def train(
    *,
    tracking_uri: str,
    csv: Path | None = None,
    rows: int = ROWS,
    seed: int = 42,
    alias: str = "champion",
    manifests: Manifests | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> list[Registered]:
    """Train every model and register each as a new version.

    Args:
        tracking_uri: MLflow server.
        csv: File with the columns of the real data; None: generated rows.
        rows: Rows to generate.
        seed: Of the generator and of the training; the split has its own.
        alias: Registry alias that moves to the new versions.
        manifests: Where manifests are written; None: nowhere.
        step: Is told what begins.

    Returns:
        The new versions, in the order of `RECIPES`.

    Raises:
        OSError: The file cannot be read.
        DataError: It is no CSV, or lacks a column.
        mlflow.exceptions.MlflowException: The tracking server does not answer or refused.
        SettingsError: A manifest cannot be written.
    """
    mlflow.set_tracking_uri(tracking_uri)
    step("data")
    split = data.load(csv, rows, seed)
    registered = []
    for name, fit in RECIPES.items():
        step(f"{name}: fit")
        model = fit(split.train, split.train_labels, seed)
        step(f"{name}: evaluate and register")
        registration = describe(name, model, split, seed)
        registered.append(register(registration, experiment=EXPERIMENT, alias=alias, manifests=manifests))
    return registered


def describe(name: str, model: Fitted, split: Split, seed: int) -> Registration:
    """Evaluate a fitted model on the test part and collect what the registry is told of it."""
    truth, predicted, probabilities = (
        split.test_labels.to_numpy(),
        model.predict(split.test),
        model.probabilities(split.test),
    )
    metrics = scores(truth, predicted, probabilities, CLASS_NAMES)
    metrics["macro_f1_partial"] = macro_f1(truth, model.predict(data.with_gaps(split.test, seed)))
    example = split.test.dropna().head(1)
    return Registration(
        name=name,
        model=model,
        signature=optional_numbers(FEATURES, infer_signature(example, model.answer(example)).outputs),
        example=example,
        metadata=card.facts(metrics),
        description=card.text(name, split, metrics),
        metrics=metrics,
        params={"seed": seed, "source": split.source, "rows": len(split.train) + len(split.test)},
        figures=plots(truth, predicted, probabilities, CLASS_NAMES),
        datasets={
            "training": _dataset(split.train, split.train_labels, split.source),
            "testing": _dataset(split.test, split.test_labels, split.source),
        },
        tags={"target_leak": "true", "source": split.source, "macro_f1": f"{metrics['macro_f1']:.4f}"},
    )


def _dataset(rows: pd.DataFrame, labels: pd.Series, source: str) -> Dataset:
    return from_pandas(rows.assign(burn_out=labels.astype(float)), name=source, targets="burn_out")
