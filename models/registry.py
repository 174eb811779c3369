"""Logging a trained model to MLflow and registering it as a new version."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.entities import Run
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from models.flavors import Fitted
from streamapp.contracts.status import ALIAS_TAG, DIGEST_TAG
from streamapp.runtimes.digest import Files, digest, files
from streamapp.runtimes.manifests import Manifests


@dataclass(frozen=True)
class Registration:
    """All that the registry is told of a model.

    Attributes:
        name: Registered name.
        model: The fitted model.
        signature: Its input columns.
        example: One row that it predicts.
        metadata: Facts of the model card for programs; they travel with the model.
        description: The model card for people, Markdown.
        metrics: Scores.
        params: Settings of the training.
        figures: Plots by file name.
        tables: Tables by name; each becomes a CSV file.
        datasets: What it was trained and tested on, by context.
        tags: Of the version.
        aliases: Registry aliases beside the one that serves.
        served_as: Name under which running workers are to serve it; "" leaves that to their settings.
    """

    name: str
    model: Fitted
    signature: ModelSignature
    example: pd.DataFrame
    metadata: Mapping[str, Any]
    description: str
    metrics: Mapping[str, float]
    params: Mapping[str, Any] = field(default_factory=dict)
    figures: Iterable[tuple[str, Figure]] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    served_as: str = ""


@dataclass(frozen=True)
class Registered:
    """A new version in the registry.

    Attributes:
        name: Registered name.
        version: Version.
        run_id: MLflow run that made it.
        run_url: Page of the run.
        metrics: Scores.
    """

    name: str
    version: str
    run_id: str
    run_url: str
    metrics: Mapping[str, float]


def optional_numbers(names: Iterable[str], outputs: Schema) -> ModelSignature:
    """Return the signature of a model whose inputs are numbers, any of which may be missing."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name, required=False) for name in names]), outputs=outputs
    )


def register(
    registration: Registration, *, experiment: str, alias: str, manifests: Manifests | None = None
) -> Registered:
    """Log a model in a run of its own, register it, vouch for it, and move the alias to the new version.

    The alias moves last: whoever loads by it never sees a version that is not complete. Only a model that has one is
    told to be served.

    Args:
        registration: The model and its facts.
        experiment: MLflow experiment of the run.
        alias: Registry alias.
        manifests: Where its manifest is written; None: nowhere.

    Raises:
        mlflow.exceptions.MlflowException: The tracking server does not answer or refused.
        SettingsError: The manifest cannot be written.
    """
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=registration.name) as run:
        _log_facts(registration)
        info = registration.model.log(
            name="model",
            signature=registration.signature,
            input_example=registration.example,
            metadata=dict(registration.metadata),
        )
    logged = _files(info.model_uri)
    tags = {**registration.tags, DIGEST_TAG: digest(logged)}
    version = str(mlflow.register_model(info.model_uri, registration.name, tags=tags).version)
    if manifests is not None:
        manifests.vouch(registration.name, version, logged)
    client = MlflowClient()
    client.update_registered_model(registration.name, description=registration.description)
    client.update_model_version(registration.name, version, description=registration.description)
    for moved in (*registration.aliases, alias):
        client.set_registered_model_alias(registration.name, moved, version)
    if registration.served_as:
        client.set_registered_model_tag(registration.name, ALIAS_TAG, registration.served_as)
    return Registered(registration.name, version, run.info.run_id, _run_url(run), registration.metrics)


def _log_facts(registration: Registration) -> None:
    mlflow.log_params(dict(registration.params))
    mlflow.log_metrics(dict(registration.metrics))
    mlflow.set_tag("mlflow.note.content", registration.description)
    for name, figure in registration.figures:
        mlflow.log_figure(figure, name)
    for name, table in registration.tables.items():
        mlflow.log_text(table.to_csv(index=False), f"{name}.csv")
    for context, dataset in registration.datasets.items():
        mlflow.log_input(dataset, context=context)


def _files(uri: str) -> Files:
    """Return what the artifact store has of a logged model: it is as its readers will find it."""
    with tempfile.TemporaryDirectory(prefix="streamapp-digest-") as folder:
        return files(Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder)))


def _run_url(run: Run) -> str:
    return f"{mlflow.get_tracking_uri()}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
