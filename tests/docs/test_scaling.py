"""docs/scaling.md: its arithmetic, and that its tables are what the figures on the page make."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import sizing
from sizing import Choices, Costs, plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/scaling.md").read_text()
COSTS = Costs(
    worker_rate=10_000,
    quick_rate=5_000,
    quick_ms=100,
    worker_mib=512,
    edge_rate=1_000,
    bulk_rate=20_000,
    sinks_rate=4_000,
    request_bytes=400,
    prediction_bytes=600,
    redis_bytes=1_000,
    found_bytes=500,
    csv_bytes=250,
)
CHOICES = Choices(load=0.5, spare=2, replication=3, broker_rate=50, retention_days=10)


def test_a_rate_is_shared_out_by_what_one_can_do_at_its_load() -> None:
    found = plan(100_000, COSTS, CHOICES)
    assert (found.workers, found.quick_workers, found.worker_gib) == (20, 20, 10.0)
    assert (found.edges, found.bulk_edges) == (200, 10)
    assert found.partitions == 48  # 2 for each worker, and even
    assert found.replicas == 4 * 48 * 3
    assert (found.broker_mb, found.brokers) == (300.0, 6)
    assert found.disk_tb == pytest.approx(300e6 * 864_000 / 1e12)
    assert found.sinks == 25.0
    assert (found.redis_gb, found.csv_gb) == (8640.0, 2160.0)


def test_a_low_rate_has_what_lets_one_of_each_go() -> None:
    found = plan(10, COSTS, CHOICES)
    assert (found.workers, found.partitions, found.edges, found.bulk_edges, found.brokers) == (1, 4, 2, 2, 3)


@pytest.mark.parametrize("workers", [2, 5, 6, 7, 100])
def test_partitions_are_shared_out_evenly_and_leave_room(workers: int) -> None:
    found = plan(5_000 * workers, COSTS, CHOICES)
    assert found.workers == workers
    assert found.partitions % 12 == 0
    assert found.quick_workers <= 2 * workers <= found.partitions < 2 * workers + 12


def test_the_tables_are_what_the_figures_on_the_page_make() -> None:
    def listed(kind: type[msgspec.Struct], text: str) -> dict[str, float]:
        rows = re.findall(r"^\| `(\w+)` \|.*\| (\S+) \|$", text, re.MULTILINE)
        return {name: float(value.replace(",", "")) for name, value in rows if name in kind.__struct_fields__}

    costs = msgspec.convert(listed(Costs, PAGE), Costs)
    choices = msgspec.convert(listed(Choices, PAGE), Choices, strict=False)
    assert sizing.rendered(PAGE, costs, choices) == PAGE, "run make docs"
    assert choices == Choices()


def test_what_the_benchmarks_have_written_is_found() -> None:
    assert all(value > 0 for value in msgspec.structs.astuple(sizing.measured()))


def test_the_command_of_the_page_takes_other_figures() -> None:
    command = [sys.executable, str(ROOT / "docs/sizing.py"), "100000", "worker_rate=9000", "load=0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r"^\| worker processes \| 23 \|$", done.stdout, re.MULTILINE)


def test_a_figure_that_there_is_not_is_named() -> None:
    command = [sys.executable, str(ROOT / "docs/sizing.py"), "100000", "workers_rate=9000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "workers_rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_worker_is_left_without_a_partition_where_latency_has_to_be_short() -> None:
    found = plan(100_000, msgspec.structs.replace(COSTS, quick_rate=1_500), CHOICES)
    assert (found.workers, found.quick_workers, found.partitions) == (20, 67, 72)


def test_each_metric_that_the_page_names_is_one() -> None:
    metrics = (ROOT / "docs/metrics.md").read_text()
    named = set(re.findall(r"`(?:sum|rate)?\(?(streamapp_[a-z_]+)", PAGE))
    assert len(named) > 8
    assert named <= set(re.findall(r"^\| `(streamapp_[a-z_]+)`", metrics, re.MULTILINE))
