"""Models of every flavour, logged in a real registry as their authors would, behind the one port."""

import uuid
from collections.abc import Iterator
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.types import ColSpec, Schema, TensorSpec
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable
from streamapp.embedded.processes import free_port
from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import Registry
from streamapp.scoring.model import Model, to_table

NAMES = ["Sleep_Hours", "Team_Size", "Work_Life_Balance_Score"]
SIGNATURE = ModelSignature(Schema([ColSpec("double", name, required=False) for name in NAMES]))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(7).normal(size=(400, 3)), columns=NAMES)


@pytest.fixture(scope="module")
def labels(table: pd.DataFrame) -> pd.Series:
    """Hang on the first and the last column, so that a mixed-up order shows."""
    return (table["Sleep_Hours"] + 3 * table["Work_Life_Balance_Score"] > 0).astype(int)


@pytest.fixture
def name() -> str:
    return f"Model_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def registry(registry_uri: str) -> Iterator[Registry]:
    yield Registry(registry_uri, "champion")
    mlflow.set_tracking_uri(None)


def log(flavor: Any, name: str, *fitted: Any, **options: Any) -> Any:
    """Log and register a model; with its requirements named, MLflow need not find them out by loading it."""
    return flavor.log_model(*fitted, name="model", registered_model_name=name, pip_requirements=["pandas"], **options)


def predict(model: Model, rows: pd.DataFrame) -> list[Any]:
    values = [tuple(row) for row in rows.itertuples(index=False)]
    return model.predict(to_table(model.card, values)).labels


def load(registry: Registry, name: str) -> Model:
    return load_model(registry, "mine", registry.resolve(name))


@pytest.mark.parametrize("kind", ["booster", "classifier"])
def test_lightgbm_gives_what_the_library_gives(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series, kind: str
) -> None:
    options = {"verbose": -1, "num_threads": 1}
    if kind == "booster":
        fitted: Any = lightgbm.train({"objective": "binary", **options}, lightgbm.Dataset(table, labels), 20)
        expected = (fitted.predict(table) > 0.5).astype(int).tolist()
    else:
        fitted = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1).fit(table, labels)
        expected = fitted.predict(table).tolist()
    log(mlflow.lightgbm, name, fitted, signature=SIGNATURE, metadata={"classes": [0, 1]})
    model = load(registry, name)
    assert model.card.flavor == "lightgbm"
    assert predict(model, table) == expected


def test_lightgbm_with_the_columns_of_its_signature_in_another_order_predicts_the_same(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, labels), 20)
    shuffled = ModelSignature(Schema([ColSpec("double", column, required=False) for column in reversed(NAMES)]))
    log(mlflow.lightgbm, name, booster, signature=shuffled, metadata={"classes": [0, 1]})
    model = load(registry, name)
    assert [feature.name for feature in model.card.features] == NAMES[::-1]
    assert predict(model, table[NAMES[::-1]]) == (booster.predict(table) > 0.5).astype(int).tolist()


def test_sklearn_fitted_on_names_with_spaces_is_served_under_the_names_of_its_signature(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    spaced = table.rename(columns=lambda column: column.replace("_", " "))
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(spaced, labels)
    shuffled = ModelSignature(Schema([ColSpec("double", column) for column in reversed(NAMES)]))
    log(mlflow.sklearn, name, pipeline, signature=shuffled, serialization_format="skops")
    model = load(registry, name)
    predicted = model.predict(
        to_table(model.card, [tuple(row) for row in table[NAMES[::-1]].itertuples(index=False)])
    )
    assert predicted.labels == pipeline.predict(spaced).tolist()
    np.testing.assert_allclose(predicted.probabilities, pipeline.predict_proba(spaced))
    assert all(feature.required for feature in model.card.features)


class Doubler(mlflow.pyfunc.PythonModel):
    """A user's own model."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["Sleep_Hours"] * 2


def test_any_other_model_is_served_through_pyfunc(registry: Registry, name: str, table: pd.DataFrame) -> None:
    signature = infer_signature(table, table.iloc[:, 0])
    log(mlflow.pyfunc, name, python_model=Doubler(), input_example=table.head(1), signature=signature)
    model = load(registry, name)
    assert (model.card.flavor, model.card.task) == ("python_function", "regression")
    assert predict(model, table) == (table["Sleep_Hours"] * 2).tolist()


def test_the_card_tells_what_the_registry_keeps(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    facts = {
        "task": "classification",
        "classes": [0, 1],
        "class_names": {"0": "Low", "1": "High"},
        "notes": ["Leaks."],
        "metrics": {"macro_f1": 0.5},
    }
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, labels), 2)
    info = log(mlflow.lightgbm, name, booster, signature=SIGNATURE, input_example=table.head(1), metadata=facts)
    card = load(registry, name).card
    assert (card.alias, card.registered_name, card.version, card.run_id) == ("mine", name, "1", info.run_id or "")
    assert [(feature.name, feature.type, feature.required) for feature in card.features] == [
        (column, "number", False) for column in NAMES
    ]
    assert (card.classes, card.class_names, card.notes, card.metrics) == (
        (0, 1),
        {"0": "Low", "1": "High"},
        ("Leaks.",),
        {"macro_f1": 0.5},
    )
    assert card.example == pytest.approx(table.iloc[0].to_dict())


def test_the_alias_decides_and_without_it_the_newest_version(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    with pytest.raises(ModelNotFound, match=name):
        registry.resolve(name)
    for rounds in (1, 2):
        booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, labels), rounds)
        log(mlflow.lightgbm, name, booster, signature=SIGNATURE)
    assert registry.resolve(name).version == "2"
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "1")
    assert registry.resolve(name).version == "1"


def test_what_cannot_be_served_is_refused_with_the_reason(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, labels), 2)
    tensor = ModelSignature(Schema([TensorSpec(np.dtype("float64"), (-1, 3))]))
    narrow = ModelSignature(Schema([ColSpec("double", "Sleep_Hours")]))
    for suffix, signature in (("bare", None), ("tensor", tensor), ("narrow", narrow)):
        log(mlflow.lightgbm, f"{name}_{suffix}", booster, signature=signature)
    for suffix, reason in (("bare", "has no signature"), ("tensor", "named columns"), ("narrow", "Team_Size")):
        with pytest.raises(ModelLoadError, match=reason):
            load(registry, f"{name}_{suffix}")
    with pytest.raises(ModelNotFound, match=f"{name}_absent"):
        load(registry, f"{name}_absent")


def test_a_model_whose_files_are_gone_is_refused(
    registry: Registry, name: str, table: pd.DataFrame, labels: pd.Series
) -> None:
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(table, labels), 2)
    info = log(mlflow.lightgbm, f"{name}_gone", booster, signature=SIGNATURE)
    get_artifact_repository(info.artifact_path).delete_artifacts()
    with pytest.raises(ModelLoadError, match="no MLmodel file"):
        load(registry, f"{name}_gone")


def test_a_registry_that_is_away_is_named(name: str) -> None:
    registry = Registry(f"http://127.0.0.1:{free_port()}", "champion")
    with pytest.raises(RegistryUnavailable, match="MLFLOW_TRACKING_URI"):
        registry.resolve(name)
    mlflow.set_tracking_uri(None)
