"""`streamapp models trust | verify`: somebody vouches for files, and looks whether they are as they were."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from mlflow.models import infer_signature
from mlflow.pyfunc.model import PythonModel
from tampering import Store
from typer.testing import CliRunner
from unique import environment

from streamapp.cli import app
from streamapp.contracts.errors import ModelLoadError, ModelNotFound, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import ALIAS_TAG, DIGEST_TAG

ROWS = pd.DataFrame(np.random.default_rng(7).normal(size=(200, 2)), columns=["a", "b"])

Command = Callable[..., Result]


class Nothing(PythonModel):
    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        return model_input["a"]


@pytest.fixture
def own(settings: Settings, registry_uri: str, tmp_path: Path) -> Iterator[Settings]:
    """A folder of manifests, and two models: one of text, one that is pickled."""
    text, pickled = f"Text_{settings.group}", f"Pickled_{settings.group}"
    mlflow.set_tracking_uri(registry_uri)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(ROWS, ROWS["a"] > 0), 2)
    options = {"name": "model", "signature": infer_signature(ROWS), "pip_requirements": ["pandas"]}
    mlflow.lightgbm.log_model(booster, registered_model_name=text, **options)
    mlflow.pyfunc.log_model(python_model=Nothing(), registered_model_name=pickled, **options)
    changed = {
        "mlflow_tracking_uri": registry_uri,
        "models": {"text": text, "pickled": pickled},
        "default_model": "text",
        "model_manifests": tmp_path / "manifests",
    }
    yield settings.model_copy(update=changed)
    mlflow.set_tracking_uri(None)


@pytest.fixture
def command(own: Settings) -> Command:
    return lambda *arguments: CliRunner().invoke(app, ["models", *arguments], env=environment(own))


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
def test_a_version_is_vouched_for_and_verified_until_a_file_changes(
    own: Settings, command: Command, registry_uri: str, tmp_path: Path
) -> None:
    text, pickled = own.models["text"], own.models["pickled"]
    unknown = command("verify", "text")
    assert (unknown.exit_code, "nobody has vouched for its files" in unknown.output) == (1, True)
    trusted = command("trust", "text")
    manifest = tmp_path / "manifests" / f"{text}-1.json"
    assert trusted.exit_code == 0, trusted.output
    assert manifest.is_file()
    assert trusted.output.startswith(f"{text} 1: ")
    assert trusted.output.endswith(f" bytes, vouched for in {manifest}.\n")
    assert command("verify", "text").output == f"{text} 1: as in its manifest.\n"
    both = command("verify")  # all that are to be served; the registry may have more with a tag, of other tests
    assert both.exit_code == 1
    assert {f"{text} 1: as in its manifest."} == said_of(both, "as in its manifest")
    other = command("trust", pickled, "1")
    assert "These run code of their own when it is loaded: python_model.pkl." in other.output
    expected = {f"{name} 1: as in its manifest." for name in (text, pickled)}
    assert said_of(command("verify"), "as in its manifest") == expected
    (tmp_path / "store").mkdir()
    Store(registry_uri, text, "1", tmp_path / "store").put("model.lgb", "tree\n")
    changed = command("verify", text, "1")
    assert (changed.exit_code, changed.output) == (
        1,
        f"{text} 1: its files differ from its manifest; changed: 'model.lgb'.\n",
    )


def said_of(result: Result, what: str) -> set[str]:
    """Return the lines that say something."""
    return {line for line in result.output.splitlines() if what in line}


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
def test_what_is_not_there_or_not_as_registered_is_not_vouched_for(own: Settings, command: Command) -> None:
    text = own.models["text"]
    assert isinstance(command("trust", "text", "7").exception, ModelNotFound)
    assert isinstance(command("trust", "absent").exception, ModelNotFound)
    mlflow.MlflowClient().set_model_version_tag(text, "1", DIGEST_TAG, "0" * 64)
    assert isinstance(command("trust", "text").exception, ModelLoadError)
    assert own.model_manifests is not None
    assert not own.model_manifests.exists()


@pytest.mark.filterwarnings("ignore:.*An input example was not provided")
def test_who_may_tag_in_the_registry_does_not_decide_what_is_vouched_for(own: Settings, command: Command) -> None:
    text, pickled, tag = own.models["text"], own.models["pickled"], f"tag_{own.group}"
    mlflow.MlflowClient().set_registered_model_tag(pickled, ALIAS_TAG, tag)
    commands = [command(name, tag, *version) for name in ("trust", "verify") for version in ((), ("1",))]
    mlflow.MlflowClient().set_registered_model_tag(pickled, ALIAS_TAG, text)
    own_name = command("trust", text, "1")
    mlflow.MlflowClient().delete_registered_model_tag(pickled, ALIAS_TAG)
    assert [type(result.exception) for result in commands] == [ModelNotFound] * 4
    assert own_name.output.startswith(f"{text} 1: ")
    assert own.model_manifests is not None
    assert [path.name for path in own.model_manifests.iterdir()] == [f"{text}-1.json"]


def test_without_a_folder_the_setting_is_named(settings: Settings) -> None:
    result = CliRunner().invoke(app, ["models", "trust", "svm"], env=environment(settings))
    assert isinstance(result.exception, SettingsError)
    assert "STREAMAPP_MODEL_MANIFESTS" in str(result.exception)
