import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import Model
from typer.testing import CliRunner

from models.autogluon import AutogluonModel
from models.cli import app
from models.marketplace import NAME, ROWS, TIME_LIMIT, data
from models.marketplace.recipe import fit
from models.registry import Registered
from producer.marketplace import FIELDS, REQUIRED, TARGET, item_rows

#: What a client runs that has MLflow and AutoGluon, and nothing of ours.
PLAIN_CLIENT = """
import json, sys
for package in ("streamapp", "models", "producer", "api"):
    sys.modules[package] = None  # an import of it fails
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
rows = pandas.DataFrame(json.load(sys.stdin))
answers = {
    "labels": model.predict(rows).tolist(),
    "probabilities": model.predict(rows, params={"probabilities": True}).to_dict("list"),
}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def client(registry_uri: str) -> MlflowClient:
    return MlflowClient(registry_uri)


@pytest.fixture(scope="module")
def folder(marketplace: Registered, registry_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of the version."""
    mlflow.set_tracking_uri(registry_uri)
    uri = f"models:/{NAME}/{marketplace.version}"
    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(tmp_path_factory.mktemp("marketplace"))))


def test_accuracy_on_items_held_back_is_that_of_models_on_the_real_ones(tmp_path: Path) -> None:
    split = data.load(ROWS, 42)
    predictor = fit(split, seed=42, time_limit=TIME_LIMIT, folder=tmp_path)
    scores = predictor.evaluate(split.test, silent=True)
    assert 0.83 < scores["accuracy"] < 0.88
    assert scores["f1"] == pytest.approx(0.84, abs=0.02)
    assert scores["roc_auc"] == pytest.approx(0.93, abs=0.02)


def test_split_is_60_20_20_and_the_same_each_time() -> None:
    first, again = data.load(1000, 7), data.load(1000, 7)
    assert [len(part) for part in (first.train, first.validation, first.test)] == [600, 200, 200]
    assert first.test.equals(again.test)
    shares = [(part[TARGET] == "used").mean() for part in (first.train, first.validation, first.test)]
    assert max(shares) - min(shares) < 0.01


def test_both_aliases_are_the_new_version(marketplace: Registered, client: MlflowClient) -> None:
    for alias in ("champion", "marketplace"):
        version = client.get_model_version_by_alias(NAME, alias)
        assert (str(version.version), version.run_id) == (marketplace.version, marketplace.run_id)


def test_signature_has_the_types_of_the_older_api(folder: Path) -> None:
    signature = Model.load(str(folder)).signature
    assert signature is not None
    types = {str: "string", bool: "boolean", int: "long", float: "double"}
    assert [(column.name, column.type.name, column.required) for column in signature.inputs] == [
        (name, types[kind], name in REQUIRED) for name, kind in FIELDS.items()
    ]


def test_metadata_holds_the_card_for_programs(marketplace: Registered, folder: Path) -> None:
    facts = Model.load(str(folder)).metadata
    assert facts is not None
    assert (facts["task"], facts["classes"]) == ("classification", ["new", "used"])
    assert any("pickle" in note for note in facts["notes"])
    assert facts["metrics"] == pytest.approx(dict(marketplace.metrics))
    assert {"accuracy", "f1", "roc_auc"} <= set(facts["metrics"])


def test_run_holds_metrics_tables_and_plots(marketplace: Registered, client: MlflowClient) -> None:
    run = client.get_run(marketplace.run_id)
    assert run.data.metrics == pytest.approx(dict(marketplace.metrics))
    files = {artifact.path for artifact in client.list_artifacts(marketplace.run_id)}
    assert {"leaderboard.csv", "importances.csv", "confusion_matrix.png", "calibration.png", "roc.png"} <= files
    contexts = [tag.value for used in run.inputs.dataset_inputs for tag in used.tags]
    assert sorted(contexts) == ["testing", "training", "validation"]
    assert "listing_type" in client.get_model_version(NAME, marketplace.version).description


def test_leaderboard_and_importances_name_every_model_and_column(marketplace: Registered) -> None:
    tables = {
        name: mlflow.artifacts.load_text(f"runs:/{marketplace.run_id}/{name}.csv").splitlines()
        for name in ("leaderboard", "importances")
    }
    assert {line.partition(",")[0] for line in tables["leaderboard"][1:]} == {
        *("LightGBM", "LightGBMXT", "WeightedEnsemble_L2")
    }
    # A group's name says what its id says: AutoGluon leaves it out.
    columns = {*FIELDS} - {"attribute_group"}
    assert {line.partition(",")[0] for line in tables["importances"][1:]} == columns
    assert tables["importances"][1].startswith(("listing_type,", "stock_quantity,"))


def test_what_is_registered_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 2_000_000


def test_a_client_that_has_nothing_of_ours_gets_the_same_answers(folder: Path) -> None:
    rows = [*data.EXAMPLE.to_dict("records"), *islice(item_rows(seed=9), 200)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PLAIN_CLIENT, str(folder)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout)
    predictor = mlflow.pyfunc.load_model(str(folder)).unwrap_python_model().predictor
    fitted, items = AutogluonModel(predictor), pd.DataFrame(rows).reindex(columns=[*FIELDS])
    assert answers["labels"] == fitted.predict(items).tolist()
    assert pd.DataFrame(answers["probabilities"]).to_numpy() == pytest.approx(fitted.probabilities(items))


def test_the_command_says_what_it_does_and_how_good_it_is(registry_uri: str, client: MlflowClient) -> None:
    command = ["marketplace", "--rows", "500", "--time-limit", "20", "--tracking-uri", registry_uri]
    before = client.get_model_version_by_alias(NAME, "champion").version
    try:
        result = CliRunner().invoke(app, command)
    finally:
        client.set_registered_model_alias(NAME, "champion", before)
    assert result.exit_code == 0, result.output
    assert f"{NAME}: fit" in result.stderr
    assert f"{NAME}: {registry_uri}/#/experiments/" in result.stdout
    assert "ROC AUC" in result.stdout
