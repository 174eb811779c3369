"""Train a model of a table and register it, so that running workers serve it."""

import re
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final

import mlflow
from mlflow.data.dataset import Dataset
from mlflow.data.pandas_dataset import from_pandas
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import Schema

from models.registry import Registered, Registration, register
from models.tabular import TIME_LIMIT, Library, card
from models.tabular.data import Table
from models.tabular.evaluation import importances, plots, scores
from models.tabular.recipes import RECIPES, Effort, FittedTable
from streamapp.runtimes.columns import wire_row
from streamapp.runtimes.manifests import Manifests

EXPERIMENT: Final = "tables"


def train(
    table: Table,
    *,
    name: str,
    tracking_uri: str,
    library: Library = Library.LIGHTGBM,
    seed: int = 42,
    seconds: float = TIME_LIMIT,
    alias: str = "champion",
    manifests: Manifests | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Registered:
    """Train a model, register it as a new version, and tag it to be served under its name.

    Args:
        table: Rows to train and test on.
        name: Registered name, and the name that requests use.
        tracking_uri: MLflow server.
        library: What fits it.
        seed: Of the training.
        seconds: Time that a library may search.
        alias: Registry alias that moves to the new version.
        manifests: Where manifests are written; None: nowhere.
        step: Is told what begins.

    Raises:
        TableError: The library is not installed.
        mlflow.exceptions.MlflowException: The tracking server does not answer or refused.
        SettingsError: A manifest cannot be written.
    """
    mlflow.set_tracking_uri(tracking_uri)
    with tempfile.TemporaryDirectory(prefix="streamapp-train-") as folder:
        step(f"{name}: fit with {library} ({table.task}, {len(table.train)} rows, {len(table.columns)} columns)")
        model = RECIPES[library](table, Effort(Path(folder), seed, seconds))
        step(f"{name}: evaluate")
        registration = describe(name, model, table, library, seed)
        step(f"{name}: register")
        return register(registration, experiment=EXPERIMENT, alias=alias, manifests=manifests)


def describe(name: str, model: FittedTable, table: Table, library: Library, seed: int) -> Registration:
    """Evaluate a fitted model on the test part and collect what the registry is told of it."""
    metrics = scores(model, table)
    important = importances(model, table, seed)
    return Registration(
        name=name,
        model=model,
        signature=_signature(model, table),
        example=table.example,
        metadata=card.facts(table, model, metrics),
        description=card.text(name, table, metrics, important),
        metrics=metrics,
        params={"seed": seed, "source": table.source, "target": table.target, "library": str(library)},
        figures=plots(model, table, important),
        datasets={"training": _dataset(table, "train"), "testing": _dataset(table, "test")},
        tags={"source": table.source, "target": table.target, "library": str(library)},
        served_as=name,
    )


def name_of(path: Path) -> str:
    """Return a name made from the file's: letters and digits without accents, hyphens and underscores."""
    plain = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-_") or "table"


def example_row(table: Table) -> dict[str, object]:
    """Return a row as a request carries it."""
    return wire_row(table.example)


def _signature(model: FittedTable, table: Table) -> ModelSignature:
    outputs = infer_signature(model_output=model.answer(table.example)).outputs
    return ModelSignature(inputs=Schema([column.spec for column in table.columns]), outputs=outputs)


def _dataset(table: Table, part: str) -> Dataset:
    rows, target = (table.train, table.train_target) if part == "train" else (table.test, table.test_target)
    labelled = rows.assign(**{table.target: target})
    # MLflow warns of whole numbers: where one is missing, pandas has floats.
    whole = labelled.select_dtypes("int64").columns
    return from_pandas(labelled.astype(dict.fromkeys(whole, float)), name=table.source, targets=table.target)
