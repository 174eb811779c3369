"""docker-compose.yml as it is written: no engine is needed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from composed import FILE, LONG_RUNNING, ROOT
from draining import Part, longest
from mlflow import MlflowClient

from streamapp.contracts.settings import Settings, variable

SERVICES = yaml.safe_load(FILE.read_text())["services"]
#: Seconds that the last spans may take, where spans are sent.
SPANS = 3.0
#: Variables of OpenTelemetry's SDK that are handed on: no settings of ours.
SDK = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_CERTIFICATE"}
#: Given by the compose file itself: where the parts are, and what is theirs inside a container.
FIXED = {
    *("broker", "redis_url", "mlflow_tracking_uri", "processing_guarantee"),
    *("api_host", "api_port", "api_also_port", "csv_path", "var_dir"),
    *("worker_web_host", "worker_web_port", "sinks_web_host", "sinks_web_port"),
    "model_manifests",
}


def offered() -> dict[str, str]:
    return dict(re.findall(r"^# ([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_every_setting_reaches_the_parts() -> None:
    handed_on = {name for name, value in SERVICES["worker"]["environment"].items() if value is None}
    assert handed_on == {variable(name) for name in Settings.model_fields if name not in FIXED} | SDK


def test_the_example_of_env_has_every_variable_with_its_default() -> None:
    substituted = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", FILE.read_text()))
    table = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    handed_on = {name for name, value in SERVICES["worker"]["environment"].items() if value is None}
    assert offered() == substituted | {name: "" if name in SDK else table[name] for name in handed_on}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_probed_bounded_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert service["restart"] == ("no" if name == "trainer" else "unless-stopped")
    assert "no-new-privileges:true" in service["security_opt"]


def test_what_runs_without_a_profile_is_what_is_run_and_killed() -> None:
    assert {name for name, one in SERVICES.items() if "profiles" not in one} == {*LONG_RUNNING, "trainer"}


@pytest.mark.parametrize(("name", "part"), [("api", "edge"), ("worker", "worker"), ("sinks", "sinks")])
def test_a_part_is_killed_only_after_it_had_its_time_to_end(name: str, part: Part) -> None:
    needed = longest(part, Settings().shutdown_timeout)
    assert float(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= needed + SPANS


def test_ports_are_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_everything_but_redpanda_has_a_read_only_root_file_system() -> None:
    assert {name for name, service in SERVICES.items() if not service.get("read_only")} == {"redpanda"}


def test_the_trainer_asks_what_is_missing_and_names_the_command_that_vouches(
    registry_uri: str, tmp_path: Path
) -> None:
    name = f"Composed {os.getpid()}"
    client = MlflowClient(registry_uri)
    client.create_registered_model(name)
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": registry_uri,
        "STREAMAPP_MODELS": json.dumps({"svm": name}),
        "STREAMAPP_MODEL_MANIFESTS": str(tmp_path),
    }

    def told(script: str, *arguments: str) -> str:
        code = SERVICES["trainer"]["environment"][script]
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout

    assert (told("ASK", name), told("TELL")) == (f"{name}\n", "")
    client.create_model_version(name, "s3://bucket/model")
    assert told("ASK", name) == "\n"
    assert told("TELL").endswith(f"docker compose run --rm trainer streamapp models trust '{name}' 1\n")
