import asyncio
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import _registry, app
from streamapp.contracts.errors import RegistryUnavailable
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded.processes import answering, free_port

RUNNER = CliRunner()


def test_scores_and_links_are_printed(registry_uri: str) -> None:
    result = RUNNER.invoke(app, ["employees", "--rows", "600", "--tracking-uri", registry_uri])
    assert result.exit_code == 0, result.output
    for name in ("SVC", "Knn_Classifier", "LightGBM_Classifier"):
        assert f"{name}: {registry_uri}/#/experiments/" in result.stdout
    assert "SVC: fit" in result.stderr


def test_a_file_without_the_columns_is_refused_by_name(tmp_path: Path, registry_uri: str) -> None:
    file = tmp_path / "some.csv"
    file.write_text("Designation\n1\n")
    result = RUNNER.invoke(app, ["employees", "--csv", str(file), "--tracking-uri", registry_uri])
    assert result.exit_code == 2
    assert "Burn Rate" in result.output


def test_server_that_is_set_but_away_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cli._PATIENCE", 0.1)
    settings = load_settings(mlflow_tracking_uri="http://127.0.0.1:9", var_dir=tmp_path)
    with (
        pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:9 \(MLFLOW_TRACKING_URI\)"),
        _registry(settings, print),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_address_that_is_no_server_is_left_to_mlflow(tmp_path: Path) -> None:
    settings = load_settings(mlflow_tracking_uri="databricks", var_dir=tmp_path)
    with _registry(settings, print) as uri:
        assert uri == "databricks"


def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, registry_uri: str) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(b"")
    result = RUNNER.invoke(app, ["employees", "--csv", str(file), "--tracking-uri", registry_uri])
    assert result.exit_code == 2
    assert "is no CSV file" in " ".join(result.output.replace("│", "").split())


def test_server_that_answers_at_the_default_address_is_used(registry_uri: str, tmp_path: Path) -> None:
    with _registry(by_default(registry_uri, tmp_path), print) as uri:
        assert uri == registry_uri


def test_no_proxy_is_asked_for_a_server_on_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "example.org")
    with _registry(load_settings(mlflow_tracking_uri="databricks", var_dir=tmp_path), print):
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_server_of_our_own_runs_for_the_time_of_the_training(tmp_path: Path) -> None:
    said: list[str] = []
    with _registry(by_default(f"http://127.0.0.1:{free_port()}", tmp_path), said.append) as uri:
        assert answers(uri)
    assert not answers(uri)
    assert (tmp_path / "mlflow").is_dir()
    assert "one of our own" in said[0]


def by_default(uri: str, folder: Path) -> Settings:
    """Return settings in which the address is the default, not one that was set."""
    return Settings.model_construct(_fields_set=set(), mlflow_tracking_uri=uri, var_dir=folder)


def answers(uri: str) -> bool:
    async def ask() -> bool:
        return await answering(f"{uri}/health")()

    return asyncio.run(ask())


@pytest.mark.parametrize("rows", ["0", "99"])
def test_too_few_rows_are_refused(rows: str) -> None:
    result = RUNNER.invoke(app, ["employees", "--rows", rows])
    assert result.exit_code == 2
