"""Train the predictor and register it."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.data.dataset import Dataset
from mlflow.data.pandas_dataset import from_pandas
from sklearn.metrics import RocCurveDisplay

from models.autogluon import AutogluonModel
from models.evaluation import plots
from models.marketplace import NAME, ROWS, TIME_LIMIT, card, data
from models.marketplace.data import Split
from models.marketplace.recipe import fit
from models.registry import Registered, Registration, register
from producer.marketplace import FEATURES, TARGET
from streamapp.runtimes.manifests import Manifests

if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

EXPERIMENT: Final = "marketplace"
#: Registry alias of the newest version, beside the one that serves.
ALIAS: Final = "marketplace"

#: Rows and rounds of shuffling that the importances are found with: seconds, not minutes.
_IMPORTANCE: Final = {"subsample_size": 1000, "num_shuffle_sets": 3}


def train(
    *,
    tracking_uri: str,
    rows: int = ROWS,
    seed: int = 42,
    time_limit: float = TIME_LIMIT,
    alias: str = "champion",
    manifests: Manifests | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> list[Registered]:
    """Train the predictor on generated items and register it as a new version.

    Args:
        tracking_uri: MLflow server.
        rows: Rows to generate.
        seed: Of the generator, the split and the training.
        time_limit: Seconds that AutoGluon may take to fit.
        alias: Registry alias that moves to the new version; so does `ALIAS`.
        manifests: Where manifests are written; None: nowhere.
        step: Is told what begins.

    Returns:
        The new version.

    Raises:
        mlflow.exceptions.MlflowException: The tracking server does not answer or refused.
        SettingsError: A manifest cannot be written.
    """
    mlflow.set_tracking_uri(tracking_uri)
    step("data")
    split = data.load(rows, seed)
    with tempfile.TemporaryDirectory(prefix="streamapp-autogluon-") as folder:
        step(f"{NAME}: fit")
        predictor = fit(split, seed=seed, time_limit=time_limit, folder=Path(folder))
        step(f"{NAME}: evaluate")
        registration = describe(predictor, split, {"seed": seed, "time_limit": time_limit})
        step(f"{NAME}: register")
        return [register(registration, experiment=EXPERIMENT, alias=alias, manifests=manifests)]


def describe(predictor: "TabularPredictor", split: Split, params: dict[str, float]) -> Registration:
    """Evaluate a fitted predictor on the test part and collect what the registry is told of it."""
    metrics = {name: float(score) for name, score in predictor.evaluate(split.test, silent=True).items()}
    importances = predictor.feature_importance(split.test, silent=True, **_IMPORTANCE)
    return Registration(
        name=NAME,
        model=AutogluonModel(predictor),
        signature=data.signature(),
        example=data.EXAMPLE,
        metadata=card.facts(predictor.class_labels, metrics),
        description=card.text(NAME, split, metrics, importances),
        metrics=metrics,
        params={**params, "source": split.source, "rows": sum(map(len, (split.train, split.validation, split.test)))},
        figures=_figures(predictor, split.test),
        tables={
            "leaderboard": predictor.leaderboard(split.test, extra_metrics=["accuracy", "roc_auc"], silent=True),
            "importances": importances.rename_axis("column").reset_index(),
        },
        datasets={
            "training": _dataset(split.train, split.source),
            "validation": _dataset(split.validation, split.source),
            "testing": _dataset(split.test, split.source),
        },
        tags={"source": split.source, "accuracy": f"{metrics['accuracy']:.4f}"},
        aliases=(ALIAS,),
    )


def _dataset(rows: pd.DataFrame, source: str) -> Dataset:
    # MLflow warns of whole numbers: where one is missing, pandas has floats.
    whole = rows.select_dtypes("int64").columns
    return from_pandas(rows.astype(dict.fromkeys(whole, float)), name=source, targets=TARGET)


def _figures(predictor: "TabularPredictor", test: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Yield each plot under its file name."""
    classes = list(predictor.class_labels)
    truth = test[TARGET].map(classes.index).to_numpy()
    probabilities = predictor.predict_proba(test[list(FEATURES)]).to_numpy()
    yield from plots(truth, probabilities.argmax(axis=1), probabilities, classes)
    figure = Figure(layout="constrained")
    RocCurveDisplay.from_predictions(truth, probabilities[:, 1], name=classes[1], ax=figure.subplots())
    yield "roc.png", figure
