"""What the demo's tests do with processes."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from streamapp.embedded.processes import free_port

if TYPE_CHECKING:
    import subprocess

Start = Callable[..., "subprocess.Popen[str]"]


def free_ports() -> list[str]:
    """Return the options that put the demo on free ports."""
    names = ("broker", "redis", "mlflow", "api", "requests")
    return [part for name in names for part in (f"--{name}-port", str(free_port()))]


def descendants(pid: int) -> list[psutil.Process]:
    """Return all that a process has started, and what these have."""
    return psutil.Process(pid).children(recursive=True)


def gone(processes: Iterable[psutil.Process]) -> bool:
    """Whether all have ended. What was left to PID 1 may stay a zombie: not every container's PID 1 reaps."""
    return not any(_runs(process) for process in processes)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
