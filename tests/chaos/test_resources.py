"""The tools of the faults that take resources away: a disk that is full, and memory as the system accounts for it."""

import errno
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import eventually

from chaos import memory, small_disk
from chaos.fault import NotPossible
from streamapp.embedded.processes import Processes, Program

GROWS = """
import sys, time
def told(word):
    while open(sys.argv[1]).read() != word:
        time.sleep(0.01)
    print(word, flush=True)
told("start")
told("grow")
held = bytearray(40 * 2**20)
held[::4096] = b"x" * len(held[::4096])
told("shrink")
del held
told("end")
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    try:
        small_disk.mount(folder, 2)
    except NotPossible as exc:
        pytest.skip(str(exc))
    yield folder
    small_disk.unmount(folder)


def test_a_disk_that_was_filled_takes_nothing_until_it_is_freed(disk: Path) -> None:
    small_disk.fill(disk)
    with pytest.raises(OSError, match="No space left") as failed:
        (disk / "more").write_bytes(b"x")
    assert failed.value.errno == errno.ENOSPC
    small_disk.free(disk)
    assert (disk / "more").write_bytes(b"x") == 1


def test_what_is_moved_onto_a_disk_is_there_whole_and_no_longer_where_it_was(disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "log").mkdir(parents=True)
    (source / "log/0").write_bytes(b"records")
    with (source / "index").open("wb") as sparse:
        sparse.truncate(10 * 2**20)
    small_disk.move(source, disk)
    assert (disk / "log/0").read_bytes() == b"records"
    assert (disk / "index").stat().st_size == 10 * 2**20
    assert list(source.iterdir()) == []
    assert small_disk.mebibytes(disk) <= 1


async def test_growth_is_the_most_that_a_process_was_larger_though_it_gave_it_back(tmp_path: Path) -> None:
    order = tmp_path / "order"
    async with Processes(tmp_path / "logs") as processes:
        order.write_text("start")
        child = processes.start(Program("grows", (sys.executable, "-c", GROWS, str(order))))
        await eventually(lambda: "start" in child.log.read_text())
        async with memory.growth({"grows": child}, every=0.01) as growth:
            order.write_text("grow")
            await eventually(lambda: growth["grows"] > 20 * memory.MIB)
            order.write_text("shrink")
            await eventually(lambda: memory.resident(child) < 30 * memory.MIB)
            order.write_text("end")
            await eventually(lambda: "end" in child.log.read_text())
    assert growth["grows"] > 20 * memory.MIB
    assert memory.resident(child) == 0
