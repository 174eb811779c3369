"""AutoGluon predictors behind the one port, against what MLflow answers by itself."""

import pickle
import shutil
import sys
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
from foreign_support import Folder
from mlflow.models import Model as MlflowModel
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from models.autogluon import AutogluonModel, quiet
from models.registry import Registered
from producer.marketplace import FEATURES, OPTIONAL, item_rows
from streamapp.contracts.errors import ModelLoadError
from streamapp.contracts.rows import RowDecoder
from streamapp.runtimes.autogluon import AutoGluon
from streamapp.runtimes.digest import files
from streamapp.runtimes.load import load_model
from streamapp.runtimes.manifests import Manifests
from streamapp.runtimes.registry import ModelVersion, Registry
from streamapp.runtimes.trust import Trust
from streamapp.scoring.model import Model, Predicted, to_table

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def registry(registry_uri: str) -> Iterator[Registry]:
    yield Registry(registry_uri, "champion")
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def trust(folder: Path, marketplace: Registered, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Somebody has vouched for the version, and for nothing else."""
    manifests = Manifests(tmp_path_factory.mktemp("manifests"))
    manifests.vouch(marketplace.name, marketplace.version, files(folder))
    return Trust(manifests, "enforce")


@pytest.fixture(scope="module")
def served(registry: Registry, marketplace: Registered, trust: Trust) -> Model:
    return load_model(registry, "marketplace", registry.resolve(marketplace.name), trust=trust)


@pytest.fixture(scope="module")
def folder(registry: Registry, marketplace: Registered, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of the version."""
    uri = f"models:/{marketplace.name}/{marketplace.version}"
    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path_factory.mktemp("predictor"))))


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Path:
    return folder / MlflowModel.load(str(folder)).flavors["autogluon"]["predictor"]


@pytest.fixture(scope="module")
def plain(folder: Path) -> Any:
    """The model as any MLflow client loads it."""
    return mlflow.pyfunc.load_model(str(folder))


@pytest.fixture(scope="module")
def items() -> Rows:
    return list(islice(item_rows(seed=5), 300))


def predict(model: Model, rows: Rows) -> Predicted:
    """Predict rows as the worker does."""
    decoded = RowDecoder(model.card).decode(msgspec.json.encode(rows))
    return model.predict(to_table(model.card, decoded))


def test_answers_are_those_of_plain_mlflow_row_by_row(served: Model, plain: Any, items: Rows) -> None:
    predicted = predict(served, items)
    assert predicted.labels == plain.predict(pd.DataFrame(items)).tolist()
    probabilities = plain.predict(pd.DataFrame(items), params={"probabilities": True})
    assert list(probabilities.columns) == list(served.card.classes) == ["new", "used"]
    assert predicted.probabilities == probabilities.to_numpy().tolist()


def test_a_row_gets_the_same_answer_alone_as_among_others(served: Model, items: Rows) -> None:
    together, alone = predict(served, items[:40]), [predict(served, [row]) for row in items[:40]]
    assert together.labels == [one.labels[0] for one in alone]
    assert np.allclose(together.probabilities, [one.probabilities[0] for one in alone if one.probabilities])


@pytest.mark.parametrize("left_out", [[], ["attribute_id"], list(OPTIONAL)])
def test_optional_fields_may_be_missing_and_values_unknown(
    served: Model, plain: Any, items: Rows, left_out: list[str]
) -> None:
    unknown = {"state": "SP", "city": "Sao Paulo", "shipping_mode": "standard", "currency": "BRL"}
    full = [row | dict.fromkeys(OPTIONAL, "dflt") for row in items[:20]]
    rows = [{name: value for name, value in (row | unknown).items() if name not in left_out} for row in full]
    assert predict(served, rows).labels == plain.predict(pd.DataFrame(rows)).tolist()


def test_card_is_that_of_the_registry(served: Model, marketplace: Registered) -> None:
    card = served.card
    assert (card.flavor, card.task, card.version) == ("autogluon", "classification", marketplace.version)
    assert tuple(feature.name for feature in card.features) == FEATURES
    assert {feature.name for feature in card.features if not feature.required} == set(OPTIONAL)
    assert predict(served, [card.example]).labels[0] in {"new", "used"}


def test_a_pickle_that_was_changed_is_refused(
    folder: Path, predictor: Path, marketplace: Registered, trust: Trust, tmp_path: Path
) -> None:
    theirs = Path(shutil.copytree(folder, tmp_path / "theirs"))
    pickled = theirs / predictor.relative_to(folder) / "predictor.pkl"
    pickled.write_bytes(pickle.dumps(Planted(tmp_path / "ran")))
    version = ModelVersion(marketplace.name, marketplace.version, marketplace.run_id)
    with pytest.raises(ModelLoadError, match=r"changed: '.*predictor\.pkl'"):
        load_model(Folder(theirs), "marketplace", version, trust=trust)
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickled.read_bytes())  # noqa: S301  # it would have run
    assert (tmp_path / "ran").exists()


class Planted:
    """Makes a file when it is read back."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_nothing_is_printed(predictor: Path, served: Model, items: Rows, capfd: pytest.CaptureFixture[str]) -> None:
    predict(AutoGluon(served.card, predictor), items[:1])
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_without_autogluon_the_extra_is_named(
    predictor: Path, served: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "autogluon.tabular", None)
    with pytest.raises(ModelLoadError, match=r"pip install 'streamapp\[autogluon\]'"):
        AutoGluon(served.card, predictor)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"classes": ("new", "broken")}, "classes .* broken, used"), ({"features": ()}, "columns .* city")],
)
def test_a_card_that_does_not_fit_the_predictor_is_refused(
    predictor: Path, served: Model, change: dict[str, Any], named: str
) -> None:
    with pytest.raises(ModelLoadError, match=named):
        AutoGluon(msgspec.structs.replace(served.card, **change), predictor)


def test_true_and_false_are_classes_like_others(registry: Registry, tmp_path: Path) -> None:
    from autogluon.tabular import TabularPredictor

    quiet()
    numbers = np.random.default_rng(3).normal(size=(300, 2))
    rows = pd.DataFrame(numbers, columns=["width", "depth"])
    predictor = TabularPredictor("wide", problem_type="binary", path=str(tmp_path), verbosity=0).fit(
        rows.assign(wide=rows["width"] > 0), hyperparameters={"GBM": {"num_boost_round": 5}}, num_gpus=0
    )
    model, name = AutogluonModel(predictor), f"Wide_{uuid.uuid4().hex[:8]}"
    inputs = Schema([ColSpec("double", name, required=False) for name in ("width", "depth")])
    model.log(
        name="model",
        registered_model_name=name,
        signature=ModelSignature(inputs),
        input_example=rows.head(1),
        metadata={"task": "classification", "classes": model.classes},
    )
    served = load_model(registry, "wide", registry.resolve(name))
    for count in (1, 2, 3):
        found = served.predict(numbers[:count])
        assert found.labels == predictor.predict(rows[:count]).tolist()
        assert found.probabilities == predictor.predict_proba(rows[:count]).to_numpy().tolist()


def test_values_are_predicted_as_well_as_classes(registry: Registry, tmp_path: Path) -> None:
    from autogluon.tabular import TabularPredictor

    quiet()
    numbers = np.random.default_rng(3).normal(size=(300, 2))
    rows = pd.DataFrame(numbers, columns=["width", "depth"])
    predictor = TabularPredictor("area", problem_type="regression", path=str(tmp_path), verbosity=0).fit(
        rows.assign(area=rows["width"] * rows["depth"]), hyperparameters={"LR": {}}, num_gpus=0
    )
    inputs = Schema([ColSpec("double", name, required=False) for name in ("depth", "width")])  # in another order
    info = AutogluonModel(predictor).log(
        name="model",
        signature=ModelSignature(inputs, Schema([ColSpec("double")])),
        input_example=rows.head(1),
        registered_model_name=(name := f"Area_{uuid.uuid4().hex[:8]}"),
    )
    assert set(MlflowModel.load(info.model_uri).flavors) == {"autogluon", "python_function"}
    model = load_model(registry, "area", registry.resolve(name))
    predicted = predict(model, rows.to_dict("records"))
    assert predicted == Predicted(mlflow.pyfunc.load_model(info.model_uri).predict(rows[["depth", "width"]]).tolist())
