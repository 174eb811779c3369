"""The folder of a run."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from streamapp.embedded.demo.plan import Plan, edge, place, producer, sinks, training, workers
from streamapp.embedded.demo.stop import Interrupted
from streamapp.embedded.demo.workspace import clear, workspace
from streamapp.embedded.services import broker, mlflow, valkey


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO())


def said(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_temporary_folder_goes_after_a_run_that_passed(console: Console) -> None:
    with workspace(None, console) as work:
        assert work.is_dir()
    assert not work.exists()
    assert not said(console)


@pytest.mark.parametrize(("error", "stays"), [(ValueError, True), (Interrupted, False)])
def test_a_temporary_folder_stays_after_a_failure_alone(
    console: Console, error: type[Exception], *, stays: bool
) -> None:
    made: list[Path] = []

    def run() -> None:
        with workspace(None, console) as work:
            made.append(work)
            raise error

    with pytest.raises(error):
        run()
    assert made[0].exists() is stays
    assert (str(made[0]) in said(console)) is stays


def test_a_folder_to_keep_is_made_and_told(console: Console, tmp_path: Path) -> None:
    with workspace(tmp_path / "a" / "b", console) as work:
        assert work.is_dir()
    assert work.is_dir()
    assert str(work) in said(console)


def test_an_earlier_runs_csv_gets_a_free_name_and_its_logs_and_counts_go(tmp_path: Path) -> None:
    where = place(Plan(keep=tmp_path), tmp_path, {})
    where.logs.mkdir()
    for run in (1, 2):
        where.settings.csv_path.write_text(f"run {run}")
        where.producer_summaries[0].touch()
        (where.logs / "worker-2.log").touch()
        clear(where)
        assert (tmp_path / f"predicciones-{run}.csv").read_text() == f"run {run}"
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"predicciones-1.csv", "predicciones-2.csv"}
    clear(where)


def test_files_that_are_not_the_demos_stay(tmp_path: Path) -> None:
    where = place(Plan(keep=tmp_path), tmp_path, {})
    mine = (where.logs / "2024" / "worker.log", where.logs / "nginx.log", where.logs / "worker-notes.log")
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    clear(where)
    assert all(path.read_text() == "mine" for path in mine)


def test_every_log_of_a_demo_is_cleared(tmp_path: Path) -> None:
    plan = Plan(workers=12, keep=tmp_path)
    where = place(plan, tmp_path, {})
    services = (broker(1), valkey(2, tmp_path), mlflow(3, where.registry))
    ours = (edge(plan, where), sinks(where), training(where), producer(plan, where), *workers(plan, where))
    where.logs.mkdir()
    for program in (*services, *ours):
        (where.logs / f"{program.name}.log").touch()
    clear(where)
    assert not list(where.logs.iterdir())
