"""How many processors there are to use, and how they are shared out."""

import contextlib
import os
from pathlib import Path
from typing import Final, Literal

#: What OpenMP, OpenBLAS and MKL look at when they are loaded.
THREADS: Final = "OMP_NUM_THREADS"
#: Microseconds of processor time that the container may use in a period, and the period: `200000 100000`, or `max`.
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = _QUOTA) -> int:
    """Return the processors that this process may use: those of its affinity, within its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no cgroup v2, or no quota
        used, period = quota.read_text().split()
        return min(cores, max(1, int(used) // int(period)))
    return cores


def processes(setting: int | Literal["auto"]) -> int:
    """Return how many worker processes `STREAMAPP_WORKER_PROCESSES` asks for."""
    return usable_cores() if setting == "auto" else setting


def threads(count: int) -> dict[str, str]:
    """Return the variables that give each of `count` processes its share of the processors.

    Without them the models of each process would have as many threads as there are processors, which then hinder each
    other. Where somebody has set them already, that stays.
    """
    return {} if THREADS in os.environ else {THREADS: str(max(1, usable_cores() // count))}
