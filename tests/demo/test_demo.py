"""The whole way of a record: two runs of the demo, the first with an empty registry, the second with what it left."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from demo_support import descendants, free_ports, gone
from exposed import Exposed
from prometheus_client.parser import text_string_to_metric_families
from waiting import eventually, until

from streamapp.embedded.demo.check import Summary

pytestmark = pytest.mark.timeout(400)


def demo(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "streamapp", "demo", "--keep", str(folder), *arguments),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is kept of both runs."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def first(folder: Path) -> "subprocess.CompletedProcess[str]":
    """A run that has to train its models, with many bad records."""
    run = demo(folder, "--json", "--duration", "15", "--rate", "50", "--bad-fraction", "0.2", *free_ports())
    output, errors = run.communicate(timeout=380)
    return subprocess.CompletedProcess(run.args, run.returncode, output, errors)


def test_a_run_with_an_empty_registry_trains_and_passes_its_own_check(
    first: "subprocess.CompletedProcess[str]",
) -> None:
    assert first.returncode == 0, first.stderr
    assert "training done" in first.stderr
    assert "✓ Everything sent was" in first.stderr
    assert "requests with no answer" not in first.stderr


def test_the_json_is_the_only_output_and_its_counts_add_up(first: "subprocess.CompletedProcess[str]") -> None:
    summary = json.loads(first.stdout)
    assert tuple(summary) == Summary.__struct_fields__
    assert summary["sent"] == summary["predictions"] + summary["dead_letters"]
    assert summary["mirrored"] == summary["csv_rows"] == summary["predictions"]
    assert summary["predictions"] > 0
    assert summary["rejected"] > 0
    assert summary["dead_letters"] > 0
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]
    assert summary["first_prediction_s"] > 0
    assert summary["rows_per_second"] > 0


def test_logs_registry_and_csv_are_kept(first: "subprocess.CompletedProcess[str]", folder: Path) -> None:
    logs = {path.stem for path in (folder / "logs").iterdir()}
    programs = {"mlflow", "broker", "valkey", "edge", "sinks", "training", "worker", "producer"}
    assert logs - {"marketplace-producer"} == programs | {"marketplace-training"}
    assert (folder / "mlflow" / "mlflow.db").exists()
    with (folder / "predicciones.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == json.loads(first.stdout)["csv_rows"]
    assert {row["modelo"] for row in rows} - {"marketplace"} == {"svm", "knn", "lightgbm"}


def test_the_metrics_of_all_parts_are_what_the_summary_says(
    first: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    summary = json.loads(first.stdout)
    edge, worker, sinks = (
        Exposed(list(text_string_to_metric_families((folder / "metrics" / f"{name}.prom").read_text())))
        for name in ("edge", "worker", "sinks")
    )
    # What is no request at all goes past the edge, straight to the topic; nothing else becomes a dead letter here.
    assert edge.value("streamapp_accepted_records_total") == summary["sent"] - summary["dead_letters"]
    statuses = [
        sample for sample in edge.families["streamapp_requests"].samples if "stream" in sample.labels["route"]
    ]
    assert sum(one.value for one in statuses if one.labels["status"][0] == "4") == summary["rejected"]
    outcomes = {"predicted": summary["predictions"], "dead": summary["dead_letters"]}
    assert worker.by("streamapp_records_total", "result") == outcomes
    assert worker.value("streamapp_dead_letters_total") == summary["dead_letters"]
    assert worker.value("streamapp_end_to_end_seconds_count") == summary["predictions"]
    assert worker.value("streamapp_lag_records") == 0
    assert sinks.value("streamapp_mirrored_records_total") == summary["mirrored"]
    assert sinks.value("streamapp_audit_rows_total") == summary["csv_rows"]
    assert sinks.value("streamapp_mirror_delay_seconds") == 0


def test_items_follow_as_soon_as_their_model_is_trained_and_ctrl_c_ends_all_traffic(
    first: "subprocess.CompletedProcess[str]", folder: Path
) -> None:
    earlier = (folder / "predicciones.csv").read_bytes()
    ports = free_ports()
    edge = f"http://127.0.0.1:{ports[ports.index('--api-port') + 1]}"
    run = demo(folder, "--json", "--rate", "20", *ports)
    try:
        until(lambda: predicted(edge), "a prediction of the test's own record", timeout=120)
        until(lambda: produced(folder) > 0, "the producer's first count of the run")
        until(lambda: b",marketplace," in (folder / "predicciones.csv").read_bytes(), "an item", timeout=200)
        processes = descendants(run.pid)
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 0, errors
    summary = json.loads(output)
    assert summary["sent"] > produced(folder) > 0  # the test's own record is among them
    assert summary["sent"] == summary["predictions"] + summary["dead_letters"]
    assert gone(processes)
    assert " training " not in errors
    assert (folder / "predicciones-1.csv").read_bytes() == earlier


def produced(folder: Path) -> int:
    file = folder / "producer.json"
    return int(json.loads(file.read_text())["sent"]) if file.exists() else 0


async def predicted(edge: str) -> bool:
    """Send one record and wait for its prediction; False where the edge does not take it yet."""
    row = {"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}
    async with httpx.AsyncClient(base_url=edge, timeout=5.0) as client:
        try:
            answer = await client.post("/predict_stream?model=svm", json={"data": [row]})
        except httpx.HTTPError:
            return False
        if answer.status_code != httpx.codes.ACCEPTED:
            return False

        async def found() -> bool:
            return (await client.get(f"/predictions/{answer.json()['id']}")).is_success

        await eventually(found, "the prediction", timeout=20)
    return True
