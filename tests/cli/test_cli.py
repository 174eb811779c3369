"""The command line as a person meets it: a process, its output and its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import streamapp

Run = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ("faust", "mlflow", "pandas", "sklearn", "lightgbm", "aiokafka", "fastapi")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `streamapp` in an empty folder, with these variables alone set."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMAPP_", "MLFLOW_"))}

    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, "-m", "streamapp", *arguments),
            cwd=tmp_path,
            env={**plain, **variables},
            text=True,
            capture_output=True,
            check=False,
        )

    return command


def test_help_lists_every_command(run: Run) -> None:
    result = run("--help")
    assert result.returncode == 0
    for name in ("demo", "worker", "api", "sinks", "produce", "train", "models", "promote", "watch", "dlq", "config"):
        assert f" {name} " in result.stdout


def test_version_is_the_packages(run: Run) -> None:
    assert run("--version").stdout == f"streamapp {streamapp.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["config"], ["demo", "--help"], ["watch", "--help"]])
def test_light_commands_import_no_heavy_library(arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from streamapp.cli import app\n"
        f"app({arguments!r}, standalone_mode=False)\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = subprocess.run((sys.executable, "-c", script), cwd=tmp_path, text=True, capture_output=True, check=True)
    assert result.stdout.splitlines()[-1] == "heavy: []"


def test_config_says_where_each_value_came_from_and_masks_secrets(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMAPP_API_PORT=8900\n")
    result = run(
        "config", "--json", STREAMAPP_REDIS_URL="redis://me:geheim@redis:6379/1", MLFLOW_TRACKING_URI="http://ml:5000"
    )
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert (rows["STREAMAPP_API_PORT"]["value"], rows["STREAMAPP_API_PORT"]["source"]) == ("8900", ".env")
    assert rows["STREAMAPP_BROKER"]["source"] == "default"
    assert rows["STREAMAPP_REDIS_URL"]["value"] == "redis://me:****@redis:6379/1"
    assert rows["STREAMAPP_REDIS_URL"]["source"] == "environment"
    assert rows["MLFLOW_TRACKING_URI"]["value"] == "http://ml:5000"
    assert "geheim" not in result.stdout
    assert all(row["description"] for row in rows.values())


def test_config_shows_the_same_as_a_table(run: Run) -> None:
    result = run("config", STREAMAPP_GROUP="mine", STREAMAPP_REDIS_URL="redis://me:geheim@redis:6379/1")
    assert result.returncode == 0
    assert "STREAMAPP_REDIS_PREDICTIONS_STREAM" in result.stdout
    assert "mine" in result.stdout
    assert "geheim" not in result.stdout


def test_config_warns_of_unknown_variables_with_the_nearest_known(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMAPP_CSVPATH=x.csv\n")
    result = run("config", STREAMAPP_BROKERS="localhost:9092")
    assert result.returncode == 0
    assert "STREAMAPP_BROKERS is no setting and has no effect; the nearest is STREAMAPP_BROKER." in result.stderr
    assert "STREAMAPP_CSVPATH is no setting and has no effect; the nearest is STREAMAPP_CSV_PATH." in result.stderr


@pytest.mark.parametrize("command", ["config", "api", "sinks"])
def test_a_wrong_setting_is_one_line_and_exit_code_1(run: Run, command: str) -> None:
    result = run(command, STREAMAPP_BROKER="nowhere")
    assert result.returncode == 1
    assert result.stderr == "streamapp: STREAMAPP_BROKER: Value error, 'nowhere' is no host:port\n"


@pytest.mark.parametrize("arguments", [["models"], ["watch"], ["promote", "svm", "1"], ["dlq", "list"]])
def test_a_broker_that_is_away_is_one_line_and_exit_code_1(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, STREAMAPP_BROKER="127.0.0.1:9")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("streamapp: The broker at 127.0.0.1:9 (STREAMAPP_BROKER) failed")


@pytest.mark.parametrize("arguments", [["demo", "--rate", "fast"], ["demo", "--api-port", "70000"], ["demos"]])
def test_a_usage_error_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("command", "option"), [("produce", "--bad-fraction"), ("train", "employees")])
def test_parts_with_a_command_line_of_their_own_show_their_own_help(run: Run, command: str, option: str) -> None:
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"streamapp {command}" in result.stdout
    assert option in result.stdout
