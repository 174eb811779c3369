"""What the demo shows of a moment."""

from pathlib import Path

import pytest
from rich.console import Console

from streamapp.embedded.demo import view
from streamapp.embedded.demo.plan import Plan, Ports, place
from streamapp.embedded.demo.snapshot import Last, Running, Snapshot

SNAPSHOT = Snapshot(
    phase="running",
    elapsed=12.34,
    running=(Running("mlflow", "ready"), Running("training", "starting")),
    note="SVC: 2 of 3",
    sent=1234,
    predictions=1200,
    dead_letters={"null_record": 3, "empty_data": 1},
    rejected=None,
    lag=30,
    rows_per_second=101.2,
    p50_ms=12,
    p99_ms=48,
    last=(Last("svm", ("Medium",), 12, "id-7"), Last("knn", ("Low", "High"), 9, "id-8")),
)


@pytest.fixture
def addresses(tmp_path: Path) -> list[tuple[str, str]]:
    plan = Plan(ports=Ports(broker=1092, redis=1379, mlflow=1501, api=1880, requests=1500))
    return view.addresses(plan, place(plan, tmp_path, {}))


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_shows_counts_processes_predictions_and_addresses(
    width: int, addresses: list[tuple[str, str]]
) -> None:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(view.screen(SNAPSHOT, addresses))
    text = capture.get()
    for part in ("1,234", "1,200", "null_record 3", "101", "12 / 48 ms", "SVC: 2 of 3", "Medium", "Low (+1 rows)"):
        assert part in text
    for port in ("1880/docs", "1500/predict", "1501", "1092", "1379"):
        assert f"localhost:{port}" in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_line_has_every_count() -> None:
    assert view.line(SNAPSHOT) == (
        "[ 12.3 s] sent 1,234 · predicted 1,200 · dead letters 4 · rejected - · lag 30"
        " · 101 rows/s · p50 12 ms · p99 48 ms"
    )


def test_only_what_changed_is_told() -> None:
    before = Snapshot("starting", 3.0, "", (Running("mlflow", "starting"), Running("broker", "ready")))
    after = Snapshot("running", 4.0, "SVC: 2 of 3", (Running("mlflow", "ready"), Running("broker", "ready")))
    assert view.changes(before, after) == ["[  4.0 s] running", "[  4.0 s] mlflow ready", "[  4.0 s] SVC: 2 of 3"]
    assert view.changes(after, after) == []
    assert view.changes(None, before)[:2] == ["[  3.0 s] starting", "[  3.0 s] mlflow starting"]
