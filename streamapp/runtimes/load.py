"""Load a registered model: its files, its card, its adapter, and a trial on its own example."""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
from mlflow.models import Model as MlflowModel
from mlflow.types import ColSpec, DataType

from streamapp.contracts.card import Feature, FeatureType, ModelCard
from streamapp.contracts.errors import ModelError, ModelLoadError
from streamapp.runtimes.flavors import adapter
from streamapp.runtimes.registry import ModelVersion, Registry
from streamapp.scoring.model import Model, to_table

log = logging.getLogger(__name__)

_TYPES: Final[Mapping[DataType, FeatureType]] = {
    DataType.double: "number",
    DataType.float: "number",
    DataType.long: "integer",
    DataType.integer: "integer",
    DataType.string: "string",
    DataType.boolean: "boolean",
    DataType.datetime: "timestamp",
}


def load_models(registry: Registry, aliases: Mapping[str, str]) -> dict[str, Model]:
    """Load the serving version of each model; those that cannot be served are left out, with the reason in the log.

    Args:
        registry: Where the models are.
        aliases: Alias to name in the registry.

    Raises:
        ModelError: None of them can be served; the message says why of each.
        RegistryUnavailable: The registry does not answer.
    """
    models: dict[str, Model] = {}
    refused: dict[str, ModelError] = {}
    for alias, name in aliases.items():
        try:
            models[alias] = load_model(registry, alias, registry.resolve(name))
        except ModelError as exc:
            refused[alias] = exc
        else:
            card = models[alias].card
            log.info("Serving %s: %s version %s (%s)", alias, name, card.version, card.flavor)
    if not models:
        raise ModelError(" ".join(map(str, refused.values())))
    for alias, reason in refused.items():
        log.warning("%s Requests for %r become dead letters.", reason, alias, exc_info=reason.__cause__)
    return models


def load_model(registry: Registry, alias: str, version: ModelVersion) -> Model:
    """Load one version and try it on its own example.

    Raises:
        ModelLoadError: It has no usable signature, no flavour we serve, or fails on its example.
        RegistryUnavailable: Its files cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="streamapp-model-") as folder:
        path = registry.download(version, Path(folder))
        try:
            described = MlflowModel.load(str(path))
            flavor, make = adapter(described.flavors, version.name)
            model = make(make_card(alias, version, flavor, described, path), path)
        except ModelError:
            raise
        except Exception as exc:  # a model's library may raise anything
            raise ModelLoadError(f"{version.name} {version.version} cannot be loaded: {exc!r}") from exc
    _try(model)
    return model


def make_card(alias: str, version: ModelVersion, flavor: str, described: MlflowModel, path: Path) -> ModelCard:
    """Make the card from what MLflow keeps with a model: signature, input example, and our facts in its metadata.

    Raises:
        ModelLoadError: It has no signature, or one with tensors.
    """
    facts: dict[str, Any] = described.metadata or {}
    return ModelCard(
        alias=alias,
        registered_name=version.name,
        version=version.version,
        run_id=version.run_id,
        flavor=flavor,
        features=_features(version.name, described),
        task=facts.get("task", "regression" if not facts.get("classes") else "classification"),
        classes=tuple(facts.get("classes", ())),
        class_names=dict(facts.get("class_names", {})),
        example=_example(described, path),
        metrics=dict(facts.get("metrics", {})),
        notes=tuple(facts.get("notes", ())),
    )


def _features(name: str, described: MlflowModel) -> tuple[Feature, ...]:
    if described.signature is None or described.signature.inputs is None:
        raise ModelLoadError(f"{name} has no signature: log it with `signature=` or `input_example=`.")
    columns = described.signature.inputs.inputs
    if not all(isinstance(column, ColSpec) and column.name and column.type in _TYPES for column in columns):
        raise ModelLoadError(f"{name}: its signature is not one of named columns with scalar types.")
    return tuple(Feature(column.name, _TYPES[column.type], required=column.required) for column in columns)


def _example(described: MlflowModel, path: Path) -> dict[str, Any]:
    example = described.load_input_example(str(path)) if described.saved_input_example_info else None
    if not isinstance(example, pd.DataFrame) or example.empty:
        return {}
    first = example.iloc[0]
    return {str(name): value for name, value in first.to_dict().items() if not pd.isna(value)}


def _try(model: Model) -> None:
    """Predict the card's example, where it has one; that also spends what a first call costs (threads, caches).

    Raises:
        ModelLoadError: It fails.
    """
    card = model.card
    if not card.example:
        return
    row = tuple(card.example.get(feature.name) for feature in card.features)
    try:
        model.predict(to_table(card, [row]))
    except Exception as exc:  # a model's library may raise anything
        raise ModelLoadError(f"{card.registered_name} {card.version} fails on its own example: {exc!r}") from exc
