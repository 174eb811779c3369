"""Load a registered model: its files, its card, its adapter, and a trial on its own example."""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pandas as pd
from mlflow.models import Model as MlflowModel
from mlflow.types import ColSpec, DataType
from threadpoolctl import threadpool_limits

from streamapp.contracts.card import Feature, FeatureType, ModelCard, canonical, sayable
from streamapp.contracts.errors import ModelError, ModelLoadError
from streamapp.contracts.messages import Label
from streamapp.runtimes.adapter import Computed
from streamapp.runtimes.columns import wire_row
from streamapp.runtimes.flavors import adapter
from streamapp.runtimes.registry import ModelVersion, Registry
from streamapp.runtimes.trust import ANYTHING, Trust
from streamapp.scoring.model import Model, to_table
from streamapp.scoring.score import check_answer

Task = Literal["classification", "regression"]

_TYPES: Final[Mapping[DataType, FeatureType]] = {
    DataType.double: "number",
    DataType.float: "number",
    DataType.long: "integer",
    DataType.integer: "integer",
    DataType.string: "string",
    DataType.boolean: "boolean",
    DataType.datetime: "timestamp",
}
#: What the libraries of matrices look at for their number of threads.
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: Models are loaded side by side, but not made: libraries that import each other are not to be imported for the first
#: time by two threads at once.
_making = threading.Lock()


def load_model(
    registry: Registry, alias: str, version: ModelVersion, *, trust: Trust = ANYTHING, quicken: bool = True
) -> Model:
    """Load one version, take the quickest way to compute it, and try it on its own example.

    Args:
        registry: Where it is.
        alias: Name that requests use.
        version: The version.
        trust: Decides whether its files may be loaded.
        quicken: Whether it may be computed in another way than its library's; see `ways`.

    Raises:
        UntrustedModel: Nobody has vouched for its files.
        ModelLoadError: Its files are not those that were registered, or that somebody has vouched for; or it has no
            usable signature, no flavour we serve, or fails on its example.
        RegistryUnavailable: Its files cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="streamapp-model-") as folder:
        path = trust.fetch(registry, version, Path(folder))
        try:
            described = MlflowModel.load(str(path))
            flavor, make = adapter(described.flavors, version.name)
            card = make_card(alias, version, flavor, described, path)
            with _making:
                model = make(card, path)
        except ModelError:
            raise
        except Exception as exc:  # a model's library may raise anything
            raise ModelLoadError(f"{version.name} {version.version} cannot be loaded: {exc!r}") from exc
    _limit_threads()
    if quicken and isinstance(model, Computed):
        model.quicken()
    try_on(model, model.card.example)
    return model


def _limit_threads() -> None:
    """Give matrices one thread: those of a batch are small, and threads wait for each other where others work, too.

    Where somebody has set a number, that stays. A supervisor sets one for its workers (`supervisor.cores`).
    """
    if not any(name in os.environ for name in _THREADS):
        threadpool_limits(limits=1, user_api="blas")


def make_card(alias: str, version: ModelVersion, flavor: str, described: MlflowModel, path: Path) -> ModelCard:
    """Make the card from what MLflow keeps with a model: signature, input example, and our facts in its metadata.

    Raises:
        ModelLoadError: It has no signature, or one with tensors.
    """
    facts = described.metadata or {}
    classes: tuple[Any, ...] = _fact(facts, "classes", tuple[Label, ...], ())
    return ModelCard(
        alias=alias,
        registered_name=version.name,
        version=version.version,
        run_id=version.run_id,
        flavor=flavor,
        features=features(version.name, described),
        task=_fact(facts, "task", Task, _task(described, classes)),
        classes=classes,
        class_names=_fact(facts, "class_names", dict[str, str], {}),
        example=_example(described, path),
        metrics=_fact(facts, "metrics", dict[str, float], {}),
        notes=_fact(facts, "notes", tuple[str, ...], ()),
        ignored=_fact(facts, "ignored", tuple[str, ...], ()),
    )


def _fact(facts: Mapping[str, Any], name: str, kind: Any, otherwise: Any) -> Any:
    """Return a fact of ours from a model's metadata; what others note there under the same name is none."""
    try:
        return msgspec.convert(facts.get(name, otherwise), kind)
    except msgspec.ValidationError:
        return otherwise


def _task(described: MlflowModel, classes: tuple[Any, ...]) -> Task:
    """Say what a model predicts that does not say it: classes where they are known, or no numbers."""
    outputs = described.signature.outputs if described.signature else None
    kinds = {column.type for column in outputs.inputs if isinstance(column, ColSpec)} if outputs else set()
    return "classification" if classes or kinds & {DataType.string, DataType.boolean} else "regression"


def features(name: str, described: MlflowModel) -> tuple[Feature, ...]:
    """Return the features of a model, by its signature.

    Raises:
        ModelLoadError: It has no signature, or one that no request fits.
    """
    if described.signature is None or described.signature.inputs is None:
        raise ModelLoadError(f"{name} has no signature: log it with `signature=` or `input_example=`.")
    columns = described.signature.inputs.inputs
    for column in columns:
        if not isinstance(column, ColSpec) or not column.name:
            raise ModelLoadError(
                f"{name}: its signature is not one of named columns, but of tensors or columns without names. Log it "
                "with a signature that is inferred from a pandas frame."
            )
        if column.type not in _TYPES:
            raise ModelLoadError(
                f"{name}: its column {column.name!r} is of type {column.type}, which no request can carry; numbers, "
                "strings, booleans and times can."
            )
    _require_distinct(name, [str(column.name) for column in columns])
    return tuple(Feature(column.name, _TYPES[column.type], required=column.required) for column in columns)


def _require_distinct(name: str, columns: list[str]) -> None:
    if unsayable := [column for column in columns if not sayable(column)]:
        raise ModelLoadError(
            f"{name}: no field of a request can be called {', '.join(map(repr, unsayable))}. Rename what has quotes, "
            "backslashes or control characters."
        )
    spelled = Counter(map(canonical, columns))
    clashes = [column for column in columns if spelled[canonical(column)] > 1]
    if clashes:
        raise ModelLoadError(
            f"{name}: its columns {', '.join(map(repr, clashes))} differ only in spaces, underscores, hyphens or "
            "case, which do not count in requests. Rename all but one."
        )


def _example(described: MlflowModel, path: Path) -> dict[str, Any]:
    example = described.load_input_example(str(path)) if described.saved_input_example_info else None
    if not isinstance(example, pd.DataFrame) or example.empty:
        return {}
    return wire_row(example)


def try_on(model: Model, example: Mapping[str, Any]) -> None:
    """Let a model predict a row, where there is one; that also spends what a first call costs (threads, caches).

    Args:
        model: The model.
        example: Values by feature.

    Raises:
        ModelLoadError: It fails.
    """
    card = model.card
    if not example:
        return
    row = tuple(_value(feature, example.get(feature.name)) for feature in card.features)
    try:
        check_answer(model.predict(to_table(card, [row])), 1)
    except Exception as exc:  # a model's library may raise anything
        raise ModelLoadError(f"{card.registered_name} {card.version} fails on its example: {exc!r}") from exc


def _value(feature: Feature, value: Any) -> Any:
    return datetime.fromisoformat(value) if feature.type == "timestamp" and value is not None else value
