"""The settings that the processes of the demo get."""

from pathlib import Path

import pytest

from streamapp.contracts.settings import load_settings
from streamapp.contracts.shown import describe
from streamapp.embedded.demo.plan import Plan, Ports, place, workers
from streamapp.embedded.processes import free_port

PORTS = Ports(broker=1092, redis=1379, mlflow=1501, api=1880, requests=1500)


def test_a_process_with_the_plans_variables_has_the_plans_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMAPP_BROKER", "elsewhere:9092")
    monkeypatch.setenv("STREAMAPP_MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("STREAMAPP_GROUP", "mine")
    where = place(Plan(ports=PORTS), tmp_path, {})
    for name, value in where.env.items():
        monkeypatch.setenv(name, value)
    assert describe(load_settings())
    assert load_settings() == where.settings
    assert where.settings.broker == "127.0.0.1:1092"
    assert (where.settings.api_port, where.settings.api_also_port) == (1880, 1500)
    assert where.settings.group == "mine"


def test_what_is_kept_has_its_registry_and_its_manifests_with_it(tmp_path: Path) -> None:
    kept, other = place(Plan(keep=tmp_path), tmp_path, {}), place(Plan(), tmp_path, {})
    assert kept.registry == tmp_path / "mlflow"
    assert kept.settings.model_manifests == tmp_path.resolve() / "manifests"
    assert other.registry == Path("var/mlflow")
    assert other.settings.model_manifests == Path("var/manifests").resolve()


def test_models_of_others_are_served_on_a_laptop(tmp_path: Path) -> None:
    assert place(Plan(), tmp_path, {}).settings.trusted_models == "warn"


def test_nobody_is_asked_for_a_key_and_nobody_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMAPP_API_KEYS_FILE", "keys.jsonl")
    monkeypatch.setenv("STREAMAPP_RATE_LIMIT", "1/day")
    settings = place(Plan(), tmp_path, {}).settings
    assert (settings.api_keys_file, settings.rate_limit) == (None, "off")


def test_a_proxy_is_not_asked_for_loopback(tmp_path: Path) -> None:
    env = place(Plan(), tmp_path, {"no_proxy": "example.org"}).env
    assert env["no_proxy"] == env["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_the_first_worker_has_its_page_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    monkeypatch.setenv("STREAMAPP_WORKER_WEB_PORT", port)
    plan = Plan(workers=2)
    first, second = (one.env["STREAMAPP_WORKER_WEB_PORT"] for one in workers(plan, place(plan, tmp_path, {})))
    assert (first, second != port) == (port, True)
