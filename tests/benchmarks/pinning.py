"""Who runs on which processor, so that what is measured shares its own with nobody."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

#: Whether this system can pin; macOS cannot.
CAN_PIN = hasattr(os, "sched_setaffinity")


def pin(pid: int, cores: Iterable[int]) -> None:
    """Have a process run on these processors alone, with all its threads and all that it starts."""
    with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
        for thread in Path(f"/proc/{pid}/task").iterdir() if CAN_PIN else ():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), set(cores))


def pin_tree(pid: int, cores: Iterable[int]) -> None:
    """Have a process and all that it has started run on these processors alone."""
    with suppress(psutil.NoSuchProcess):
        me = psutil.Process(pid)
        for process in (me, *me.children(recursive=True)):
            pin(process.pid, cores)


@contextmanager
def pinned(pids: Iterable[int], core: int) -> Iterator[None]:
    """Have processes run on one processor while the block runs; they are free afterwards."""
    pids = list(pids)
    try:
        for pid in pids:
            pin(pid, {core})
        yield
    finally:
        for pid in filter(psutil.pid_exists, pids):
            pin(pid, range(os.cpu_count() or 1))


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used, its threads' too."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
