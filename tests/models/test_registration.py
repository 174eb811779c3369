import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.models import Model, ModelSignature, get_model_info
from mlflow.types import DataType

from models.employees.data import Split
from models.employees.recipes import RECIPES
from models.employees.train import describe
from models.registry import Registered, register
from producer.employees import FEATURES
from streamapp.contracts.status import DIGEST_TAG
from streamapp.runtimes.digest import digest, files
from streamapp.runtimes.manifests import Manifests
from streamapp.runtimes.registry import Registry, Wanted

NAMES = tuple(RECIPES)
PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill"}


@pytest.fixture(scope="module")
def client(registry_uri: str) -> MlflowClient:
    return MlflowClient(registry_uri)


@pytest.fixture(scope="module")
def folders(
    registered: list[Registered], registry_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The artifacts of each version."""
    mlflow.set_tracking_uri(registry_uri)
    return {
        model.name: Path(
            mlflow.artifacts.download_artifacts(
                f"models:/{model.name}/{model.version}", dst_path=str(tmp_path_factory.mktemp(model.name))
            )
        )
        for model in registered
    }


def signature(folder: Path) -> ModelSignature:
    found = Model.load(str(folder)).signature
    assert found is not None
    return found


def test_every_recipe_is_registered_and_champion(registered: list[Registered], client: MlflowClient) -> None:
    assert tuple(model.name for model in registered) == NAMES
    for model in registered:
        version = client.get_model_version_by_alias(model.name, "champion")
        assert (str(version.version), version.run_id) == (model.version, model.run_id)


@pytest.mark.parametrize("name", NAMES)
def test_signature_has_the_thirteen_features_all_optional(folders: dict[str, Path], name: str) -> None:
    columns = signature(folders[name]).inputs.inputs
    assert tuple(column.name for column in columns) == FEATURES
    assert {column.type for column in columns} == {DataType.double}
    assert not any(column.required for column in columns)


@pytest.mark.parametrize("name", NAMES)
def test_no_artifact_is_a_pickle(folders: dict[str, Path], name: str) -> None:
    files = {path.name for path in folders[name].rglob("*") if path.is_file()}
    assert not {file for file in files if Path(file).suffix in PICKLES}
    assert files & {"model.skops", "model.lgb"}


@pytest.mark.parametrize("name", NAMES)
def test_metadata_holds_the_card_for_programs(folders: dict[str, Path], name: str) -> None:
    facts = Model.load(str(folders[name])).metadata
    assert facts is not None
    assert facts["task"] == "classification"
    assert facts["classes"] == [0, 1, 2]
    assert facts["class_names"] == {"0": "Low", "1": "Medium", "2": "High"}
    assert facts["notes"][0].startswith("Target leak")
    assert {"macro_f1", "accuracy", "f1_low", "f1_medium", "f1_high", "macro_f1_partial"} <= set(facts["metrics"])


@pytest.mark.parametrize("name", NAMES)
def test_example_is_one_complete_row(folders: dict[str, Path], name: str) -> None:
    example = Model.load(str(folders[name])).load_input_example(str(folders[name]))
    assert example.shape == (1, 13)
    assert example.notna().all(axis=None)


def test_card_for_people_names_the_leak_and_the_scores(registered: list[Registered], client: MlflowClient) -> None:
    for model in registered:
        version = client.get_model_version(model.name, model.version)
        assert "Target leak" in version.description
        assert f"macro_f1 {model.metrics['macro_f1']:.4f}" in version.description
        assert version.tags["target_leak"] == "true"


def test_run_holds_metrics_plots_and_datasets(registered: list[Registered], client: MlflowClient) -> None:
    for model in registered:
        run = client.get_run(model.run_id)
        assert run.data.metrics == pytest.approx(dict(model.metrics))
        assert run.data.params["source"] == "3000 generated rows, seed 42"
        plots = {artifact.path for artifact in client.list_artifacts(model.run_id)}
        assert {"confusion_matrix.png", "calibration.png"} <= plots
        assert {tag.value for used in run.inputs.dataset_inputs for tag in used.tags} == {"training", "testing"}


def test_scores_are_those_of_a_model_that_learns(registered: list[Registered]) -> None:
    for model in registered:
        assert 0.75 < model.metrics["macro_f1"] < 0.92
        assert model.metrics["macro_f1_partial"] < model.metrics["macro_f1"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_predicts_as_what_was_fitted(folders: dict[str, Path], name: str, split: Split) -> None:
    fitted = RECIPES[name](split.train, split.train_labels, 42)
    loaded = mlflow.pyfunc.load_model(str(folders[name]))
    assert np.allclose(loaded.predict(split.test), fitted.answer(split.test))


def test_a_process_that_knows_nothing_of_the_training_can_load_them(folders: dict[str, Path]) -> None:
    code = f"""
import mlflow
for name in ("SVC", "Knn_Classifier"):
    print(type(mlflow.sklearn.load_model({folders!r}[name])).__name__)
print(type(mlflow.lightgbm.load_model({folders!r}["LightGBM_Classifier"])).__name__)
""".replace("PosixPath", "str")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Pipeline", "Pipeline", "Booster"]


def test_alias_moves_to_the_newest_version_and_the_manifests_vouch_for_both(
    registry_uri: str, client: MlflowClient, split: Split, tmp_path: Path
) -> None:
    mlflow.set_tracking_uri(registry_uri)
    manifests, registry = Manifests(tmp_path / "manifests"), Registry(registry_uri, "champion")
    model = RECIPES["LightGBM_Classifier"](split.train, split.train_labels, 42)
    versions = [
        register(
            describe("Moving", model, split, 42), experiment="moving", alias="champion", manifests=manifests
        ).version
        for _ in range(2)
    ]
    assert versions == ["1", "2"]
    assert str(client.get_model_version_by_alias("Moving", "champion").version) == "2"
    for version in versions:
        fetched = registry.download(registry.version(Wanted("Moving", version)), tmp_path / version)
        manifest = manifests.of("Moving", version)
        assert manifest is not None
        assert manifest.files == files(fetched)


def test_signature_of_the_booster_says_that_it_answers_probabilities(registered: list[Registered]) -> None:
    by_name = {model.name: get_model_info(f"models:/{model.name}/{model.version}") for model in registered}
    outputs = {name: info.signature.outputs.inputs[0].shape for name, info in by_name.items()}
    assert outputs == {"SVC": (-1,), "Knn_Classifier": (-1,), "LightGBM_Classifier": (-1, 3)}


def test_digest_in_the_registry_is_that_of_the_files_that_are_fetched(
    registered: list[Registered], folders: dict[str, Path], client: MlflowClient, registry_uri: str, tmp_path: Path
) -> None:
    for model in registered:
        version = client.get_model_version(model.name, model.version)
        assert version.tags[DIGEST_TAG] == digest(files(folders[model.name]))
    registry = Registry(registry_uri, "champion")
    fetched = registry.download(registry.resolve("SVC"), tmp_path)
    before = digest(files(fetched))
    (fetched / "requirements.txt").write_text("other")
    assert digest(files(fetched)) != before
