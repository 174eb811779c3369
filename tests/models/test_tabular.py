"""A file that nobody has seen becomes a model, and the model answers as in plain MLflow."""

import functools
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from models.cli import app
from streamapp.contracts.card import ModelCard
from streamapp.contracts.rows import RowDecoder
from streamapp.contracts.status import ALIAS_TAG, DIGEST_TAG
from streamapp.runtimes.digest import digest, files
from streamapp.runtimes.load import load_model
from streamapp.runtimes.registry import Registry
from streamapp.scoring.model import Model, to_table

RUNNER = CliRunner()
ROWS = 240
DATES = ["Gekauft am"]
PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill"}


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Columns of every type, most with gaps, and some that say nothing; four targets."""
    rng = np.random.default_rng(5)
    price, city = rng.normal(50, 9, ROWS).round(2), rng.choice(["Köln", "Bonn", "Ulm"], ROWS)
    bought = pd.Timestamp("2022-03-01") + pd.to_timedelta(rng.integers(0, 500, ROWS), unit="D")
    frame = pd.DataFrame(
        {
            "Row Id": range(1000, 1000 + ROWS),
            "Preis (€)": price,
            "Stück": rng.integers(1, 9, ROWS),
            "Stadt": city,
            "Kunde": rng.choice(["true", "false"], ROWS),
            "Gekauft am": bought.strftime("%Y-%m-%d"),
            "constant": 1,
            "empty": "",
        }
    ).astype(object)
    for column in ("Preis (€)", "Stadt", "Kunde", "Gekauft am"):
        frame[column] = frame[column].mask(rng.random(ROWS) < 0.15)
    worth = price + 10 * (city == "Ulm") + rng.normal(0, 2, ROWS)
    frame["grade"] = pd.Series(np.select([worth < 45, worth < 55], ["low", "mid"], "high")).mask(
        rng.random(ROWS) < 0.1
    )
    frame["worth"] = worth.round(3)
    frame["again"] = np.where(worth > 52, "True", "False")
    frame["stars"] = np.clip(worth // 10, 3, 6).astype(int)
    path = tmp_path_factory.mktemp("table") / "Käufe 2024.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def train(csv: Path, registry_uri: str) -> Iterator[Callable[..., Any]]:
    """Train a model of the table by the command, once for each target and library; returns what it printed."""

    @functools.cache
    def run(target: str, library: str, *options: str) -> Any:
        arguments = ["--csv", str(csv), "--target", target, "--name", f"Table-{target}-{library}", "--with", library]
        return RUNNER.invoke(app, [*arguments, "--tracking-uri", registry_uri, *options])

    yield run
    mlflow.set_tracking_uri(None)


def said(result: Any) -> str:
    """Return what an error says, without the box around it."""
    return " ".join(result.output.replace("│", "").split())


def answers_of_the_stream(model: Model, rows: pd.DataFrame) -> list[Any]:
    """Send each row as its JSON, with all its columns, through what the edge and the worker do."""
    requests = json.loads(rows.to_json(orient="records", date_format="iso"))
    decoder = RowDecoder(model.card)
    decoded = [decoder.decode(json.dumps([one]).encode()) for one in requests]
    return model.predict(to_table(model.card, [row for rows in decoded for row in rows])).labels


def types_of(card: ModelCard) -> dict[str, tuple[str, bool]]:
    return {feature.name: (feature.type, feature.required) for feature in card.features}


@pytest.mark.parametrize(
    ("target", "library", "task", "classes"),
    [
        ("grade", "lightgbm", "classification", ("high", "low", "mid")),
        ("again", "lightgbm", "classification", (False, True)),
        ("stars", "sklearn", "classification", (3, 4, 5, 6)),
        ("worth", "lightgbm", "regression", ()),
        ("worth", "sklearn", "regression", ()),
    ],
)
def test_a_table_becomes_a_model_that_answers_as_plain_mlflow(  # noqa: PLR0917  # fixtures, and what is expected
    csv: Path, train: Any, registry_uri: str, target: str, library: str, task: str, classes: tuple[Any, ...]
) -> None:
    name, result = f"Table-{target}-{library}", train(target, library)
    assert result.exit_code == 0, result.output
    assert f"Running workers serve it within seconds: POST /predict_stream?model={name}" in result.stdout
    assert json.loads(shlex.split(result.stdout)[-1])["data"]
    for unused in ("Row Id: not used, another number", "constant: not used, always", "empty: not used, empty"):
        assert unused in result.stderr

    registry = Registry(registry_uri, "champion")
    version = registry.resolve(name)
    model = load_model(registry, name, version)
    assert (model.card.task, model.card.classes) == (task, classes)
    expected_types = {
        "Preis (€)": ("number", False),
        "Stück": ("integer", True),
        "Stadt": ("string", False),
        "Kunde": ("boolean", False),
        "Gekauft am": ("timestamp", False),
    }
    assert {column: types_of(model.card)[column] for column in expected_types} == expected_types

    rows = pd.read_csv(csv, parse_dates=DATES)
    gaps = rows.where(rows.notna() & (np.random.default_rng(1).random(rows.shape) < 0.7))
    gaps = gaps.assign(Stück=rows["Stück"], stars=rows["stars"])
    loaded, features = mlflow.pyfunc.load_model(version.uri), [feature.name for feature in model.card.features]
    for some in (rows, gaps):
        assert answers_of_the_stream(model, some) == loaded.predict(some[features]).tolist()
    assert model.card.metrics["accuracy" if classes else "r2"] > 0.5


def test_the_registry_holds_all_that_is_needed_to_serve_and_to_judge_it(
    train: Any, registry_uri: str, tmp_path: Path
) -> None:
    assert train("grade", "lightgbm").exit_code == 0
    client, registry = MlflowClient(registry_uri), Registry(registry_uri, "champion")
    version = registry.resolve("Table-grade-lightgbm")
    assert client.get_registered_model(version.name).tags[ALIAS_TAG] == version.name
    fetched = registry.download(version, tmp_path)
    assert client.get_model_version(version.name, version.version).tags[DIGEST_TAG] == digest(files(fetched))
    assert not {path.name for path in fetched.rglob("*") if path.suffix in PICKLES}
    plots = {artifact.path for artifact in client.list_artifacts(version.run_id)}
    assert plots == {"confusion_matrix.png", "calibration.png", "importances.png"}
    card = client.get_model_version(version.name, version.version).description
    assert "What matters most: worth " in card
    assert "Row Id (another number in each row: an id)" in card


def test_a_process_that_knows_nothing_of_us_can_load_the_model(
    csv: Path, train: Any, registry_uri: str, tmp_path: Path
) -> None:
    assert train("grade", "lightgbm").exit_code == 0
    code = (
        "import sys; sys.modules['streamapp'] = sys.modules['models'] = None\n"
        "import mlflow, pandas as pd\n"
        f"rows = pd.read_csv({str(csv)!r}, parse_dates={DATES!r})\n"
        "print(*set(mlflow.pyfunc.load_model('models:/Table-grade-lightgbm/1').predict(rows)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": registry_uri, "PATH": ""},
    )
    assert set(done.stdout.split()) == {"low", "mid", "high"}


def test_autogluon_searches_within_its_time(csv: Path, train: Any, registry_uri: str) -> None:
    result = train("grade", "autogluon", "--time-limit", "5")
    assert result.exit_code == 0, result.output
    registry = Registry(registry_uri, "champion")
    version = registry.resolve("Table-grade-autogluon")
    model = load_model(registry, "searched", version)
    rows = pd.read_csv(csv, parse_dates=DATES)
    theirs = mlflow.pyfunc.load_model(version.uri).predict(rows[[feature.name for feature in model.card.features]])
    assert answers_of_the_stream(model, rows) == theirs.tolist()
    assert model.card.classes == ("high", "low", "mid")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--target", "grad"], "There is no column 'grad'. The nearest is 'grade'."),
        ([], "Say which column to predict."),
        (["--target", "constant"], "always the same"),
        (["--target", "Stadt", "--name", "two words"], "letters, digits, hyphens and underscores"),
        (["--target", "Stadt", "--name", "svm"], "is the name of another model"),
        (["--target", "Stadt", "employees"], "Say it after the name: employees"),
    ],
)
def test_what_the_command_line_gets_wrong_is_said(
    csv: Path, registry_uri: str, options: list[str], reason: str
) -> None:
    result = RUNNER.invoke(app, ["--csv", str(csv), "--tracking-uri", registry_uri, *options])
    assert result.exit_code == 2
    assert reason in said(result)


def test_without_anything_the_help_is_shown_and_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "--target" in RUNNER.invoke(app, []).output
    result = RUNNER.invoke(app, ["--csv", str(tmp_path / "away.csv"), "--target", "a"])
    assert result.exit_code == 2
    assert "does not exist" in said(result)
    assert "Say which file" in said(RUNNER.invoke(app, ["--target", "a"]))
