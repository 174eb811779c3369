"""The CSV on a disk that is really full: it waits, keeps whole rows only, and goes on when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sinks_support import csv_ids, following, ids, predict
from waiting import eventually

from streamapp.contracts.settings import Settings
from streamapp.sinks.audit import CsvAudit


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system of its own needs the right to mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)


@pytest.fixture
def settings(settings: Settings, disk: Path) -> Settings:
    """Settings with the CSV on the small disk."""
    return settings.model_copy(update={"csv_path": disk / "predicciones.csv"})


def fill(disk: Path, leave: int) -> Path:
    """Take all of the disk but some bytes."""
    filler = disk / "filler"
    left = os.statvfs(disk)
    filler.write_bytes(bytes(left.f_bavail * left.f_frsize - leave))
    return filler


async def test_a_disk_that_fills_up_while_rows_are_written(
    settings: Settings, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with following(settings, CsvAudit(settings)):
        await predict(settings, range(10))
        await eventually(lambda: csv_ids(settings), expected=ids(range(10)))
        filler = fill(disk, leave=8192)
        await predict(settings, range(10, 300))
        await eventually(lambda: "STREAMAPP_CSV_PATH" in caplog.text, "the name of STREAMAPP_CSV_PATH")
        assert "No space left on device" in caplog.text
        kept = csv_ids(settings)
        assert kept == ids(range(len(kept)))
        assert settings.csv_path.read_bytes().endswith(b"\n")
        filler.unlink()
        await eventually(lambda: csv_ids(settings), expected=ids(range(300)))


async def test_a_disk_that_is_full_from_the_start(
    settings: Settings, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filler = fill(disk, leave=0)
    await predict(settings, range(10))
    async with following(settings, CsvAudit(settings)):
        await eventually(lambda: "STREAMAPP_CSV_PATH" in caplog.text, "the name of STREAMAPP_CSV_PATH")
        filler.unlink()
        await eventually(lambda: csv_ids(settings), expected=ids(range(10)))
