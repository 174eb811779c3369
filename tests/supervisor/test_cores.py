"""How many worker processes `auto` is, and how many threads each of them gets."""

import os
from pathlib import Path

import pytest

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import load_settings
from streamapp.supervisor import cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the affinity one of eight processors, and ask for no threads."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv(cores.THREADS, raising=False)


@pytest.mark.parametrize(
    ("quota", "usable"),
    [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
    ids=["no quota", "two", "half of one", "more than there are", "unreadable"],
)
def test_usable_are_the_processors_of_the_affinity_within_the_quota(
    eight: None, tmp_path: Path, quota: str, usable: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.usable_cores(tmp_path / "cpu.max") == usable


def test_without_a_quota_file_all_of_the_affinity_are_usable(eight: None, tmp_path: Path) -> None:
    assert cores.usable_cores(tmp_path / "absent") == 8


def test_auto_is_one_process_for_each_usable_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 6)
    assert cores.processes(load_settings(worker_processes="auto").worker_processes) == 6
    assert cores.processes(load_settings(worker_processes="3").worker_processes) == 3


@pytest.mark.parametrize(("count", "threads"), [(2, "3"), (6, "1"), (12, "1")])
def test_each_process_gets_its_share_of_the_processors_as_threads(
    eight: None, monkeypatch: pytest.MonkeyPatch, count: int, threads: str
) -> None:
    monkeypatch.setattr(cores, "usable_cores", lambda: 6)
    assert cores.threads(count) == {"OMP_NUM_THREADS": threads}


def test_a_number_of_threads_that_somebody_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert cores.threads(2) == {}


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "", 0])
def test_a_wrong_number_of_processes_is_refused_with_the_name_of_its_setting(wrong: object) -> None:
    with pytest.raises(SettingsError, match=r"^STREAMAPP_WORKER_PROCESSES: .* neither auto nor a whole number"):
        load_settings(worker_processes=wrong)
