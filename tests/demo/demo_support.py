"""What the demo's tests do with processes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil

from streamapp.embedded.processes import free_port

if TYPE_CHECKING:
    import subprocess

Start = Callable[..., "subprocess.Popen[str]"]


def until(condition: Callable[[], bool], timeout: float) -> bool:
    """Poll for a condition; False where it did not come in time."""
    deadline = time.monotonic() + timeout
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held


def free_ports() -> list[str]:
    """Return the options that put the demo on free ports."""
    names = ("broker", "redis", "mlflow", "api")
    return [part for name in names for part in (f"--{name}-port", str(free_port()))]


def descendants(pid: int) -> list[psutil.Process]:
    """Return all that a process has started, and what these have."""
    return psutil.Process(pid).children(recursive=True)
