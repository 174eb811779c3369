"""The folder of a run."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from streamapp.embedded.demo.plan import Plan, place
from streamapp.embedded.demo.stop import Interrupted
from streamapp.embedded.demo.workspace import clear, workspace


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
    for run in (1, 2):
        where.settings.csv_path.write_text(f"run {run}")
        where.producer_summary.touch()
        where.logs.mkdir()
        (where.logs / "worker.log").touch()
        clear(where)
        assert (tmp_path / f"predicciones-{run}.csv").read_text() == f"run {run}"
    assert {path.name for path in tmp_path.iterdir()} == {"predicciones-1.csv", "predicciones-2.csv"}
    clear(where)
