"""Settings: read once, frozen, and wrong ones named."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.settings.connections import PREFIX
from streamapp.contracts.shown import describe, masked, unknown_variables
from streamapp.contracts.topics import topics


def test_the_environment_is_read_and_named_as_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMAPP_BROKER", "a:1,b:2")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://registry:5000")
    monkeypatch.setenv("STREAMAPP_MODELS", '{"x": "X"}')
    monkeypatch.setenv("STREAMAPP_DEFAULT_MODEL", "x")
    settings = load_settings()
    assert settings.bootstrap_servers == ["a:1", "b:2"]
    assert (settings.mlflow_tracking_uri, settings.models) == ("http://registry:5000", {"x": "X"})
    sources = {row.name: row.source for row in describe(settings)}
    assert (sources["STREAMAPP_BROKER"], sources["MLFLOW_TRACKING_URI"], sources["STREAMAPP_GROUP"]) == (
        "environment",
        "environment",
        "default",
    )


def test_a_dotenv_file_is_read_below_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAMAPP_GROUP=from-file\nSTREAMAPP_BROKER=file:1\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.setenv("STREAMAPP_BROKER", "env:1")
    settings = load_settings()
    assert (settings.group, settings.broker) == ("from-file", "env:1")
    sources = {row.name: row.source for row in describe(settings)}
    assert (sources["STREAMAPP_GROUP"], sources["STREAMAPP_BROKER"]) == (".env", "environment")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BROKER", "nowhere", "no host:port"),
        ("BROKER", "a:99999", "no host:port"),
        ("BROKER", "", "no host:port"),
        ("REDIS_URL", "http://x", "redis://"),
        ("MAX_ROWS", "many", "integer"),
        ("API_PORT", "70000", "65535"),
        ("MODELS", "{}", "at least 1"),
        ("DEFAULT_MODEL", "nosuch", "none of the models"),
        ("PROCESSING_GUARANTEE", "at_most_once", "at_least_once"),
        ("PREDICT_TIMEOUT", "10", "rebalance_timeout"),
        ("MODEL_TOPICS", '{"slow": "dead_letters"}', "dead_letters cannot be read"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings()
    assert name in str(caught.value) or "settings" in str(caught.value)


def test_an_empty_variable_names_no_folder_of_manifests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}MODEL_MANIFESTS", "")
    assert load_settings().model_manifests is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().group = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SecretStr("redis://:hunter2@host:1/0"), "redis://:****@host:1/0"),
        ("http://user:hunter2@host/p", "http://user:****@host/p"),
        (SecretStr("redis://host:1/0?db=1&password=hunter2"), "redis://host:1/0?db=1&password=****"),
        ("redis://host:1/0", "redis://host:1/0"),
        (SecretStr("redis://:hunter/2@host:1/0"), "redis://****"),
        ("http://user:4711#hunter2@host:1", "http://****"),
        ("postgresql://user:hunter2\u2100@host/db", "postgresql://****"),
        ({"a": "b"}, '{"a":"b"}'),
        (7, "7"),
    ],
)
def test_passwords_are_masked(value: object, shown: str) -> None:
    assert masked(value) == shown


def test_a_misspelt_variable_is_found_with_the_nearest_that_exists() -> None:
    environ = {"STREAMAPP_BROKR": "x", "STREAMAPP_BROKER": "y", "STREAMAPP_TEST_KAFKA": "z", "PATH": "p"}
    assert unknown_variables(environ) == {"STREAMAPP_BROKR": "STREAMAPP_BROKER"}


@pytest.mark.parametrize("name", ["STREAMAPP_OTLP_ENDPOINT", "STREAMAPP_MLFLOW_TRACKING_URI"])
def test_every_variable_that_a_setting_is_read_from_is_known(name: str) -> None:
    assert unknown_variables({name: "x"}) == {}


def test_an_endpoint_of_spans_that_cannot_be_used_stops_no_part_that_sends_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")
    assert load_settings().otlp_endpoint == "collector:4317"


def test_every_setting_is_described() -> None:
    assert all(row.description for row in describe(load_settings()))


def test_outcomes_have_as_many_partitions_as_the_input() -> None:
    made = {topic.name: topic for topic in topics(load_settings(partitions=7))}
    assert {made[name].partitions for name in ("mlops_stream", "predictions", "dead_letters")} == {7}
    assert (made["models"].partitions, made["models"].config["cleanup.policy"]) == (1, "compact")


def test_the_contracts_pull_in_no_heavy_library() -> None:
    code = (
        "import sys, pkgutil, importlib, streamapp.contracts as c\n"
        "for m in pkgutil.iter_modules(c.__path__): importlib.import_module(f'streamapp.contracts.{m.name}')\n"
        "print(sorted({'faust', 'mlflow', 'aiokafka', 'redis', 'numpy', 'pandas', 'fastapi'} & set(sys.modules)))"
    )
    assert subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stdout == "[]\n"
