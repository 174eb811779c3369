"""Child processes end with the block that started them."""

import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest
from waiting import eventually

from streamapp.embedded.processes import Child, Processes, Program, free_port_like

SLEEPER = ("sleep", "60")
SLOW_TO_END = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), exit())); "
SLOW_TO_END += "print('up', flush=True); time.sleep(60)"


def slow(name: str) -> Program:
    return Program(name, (sys.executable, "-c", SLOW_TO_END))


async def test_children_end_at_the_same_time(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        children = [processes.start(slow(f"slow-{number}")) for number in range(4)]
        await eventually(lambda: all("up" in child.log_tail() for child in children), "handlers of SIGTERM")
        began = time.monotonic()
    assert 0.9 < time.monotonic() - began < 3.0  # one after the other: 4 s
    assert [child.process.returncode for child in children] == [0] * 4


async def test_a_halted_one_hears_that_it_is_to_end(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        child = processes.start(Program("halted", SLEEPER))
        child.process.send_signal(signal.SIGSTOP)
        await eventually(psutil.Process(child.pid).status, expected=psutil.STATUS_STOPPED)
    assert child.process.returncode == -signal.SIGTERM


async def test_one_that_cannot_be_ended_keeps_no_other_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> int:
        raise PermissionError

    async with Processes(tmp_path) as processes:
        first, broken, last = (processes.start(Program(name, SLEEPER)) for name in ("a", "b", "c"))
        monkeypatch.setattr(broken, "stop", fail)
    assert [child.process.poll() for child in (first, last)] == [-signal.SIGTERM] * 2
    assert broken.process.poll() == -signal.SIGTERM, "the reaper ends it"
    broken._log_file.close()


async def test_children_end_without_the_reaper_too(tmp_path: Path) -> None:
    children: list[Child] = []
    async with Processes(tmp_path) as processes:
        children.append(processes.start(Program("a", SLEEPER)))
        assert processes._reaper is not None
        processes._reaper.process.kill()
        processes._reaper.process.wait()
        children.append(processes.start(Program("b", SLEEPER)))
    assert not any(psutil.pid_exists(child.pid) for child in children)


def test_another_port_is_taken_only_where_something_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port_like(port) != port
    assert free_port_like(port) == port


def test_the_tail_of_a_log_can_pass_over_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("why\n" + "[INFO] bye\n" * 100)
    child = Child(Program("a", ("true",)), tmp_path / "a.log")
    child.process.wait()
    child._log_file.close()
    assert child.log_tail(without="[INFO]") == "why"
    assert child.log_tail().splitlines() == ["[INFO] bye"] * 15
