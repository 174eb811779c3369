"""What a run found: the table of targets, and all of it as JSON."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from rich.box import SIMPLE_HEAD
from rich.table import Table

from benchmarks.run import Ran
from benchmarks.targets import Measured

#: What the figures depend on, besides the project itself.
_VERSIONS: Final = (
    "aiokafka",
    "faust-streaming",
    "lightgbm",
    "msgspec",
    "numpy",
    "scikit-learn",
    "fastapi",
    "uvicorn",
)


def measured(ran: Sequence[Ran]) -> list[Measured]:
    """Return the targets of all sections."""
    return [one for each in ran if each.section for one in each.section.measured]


def table(found: Sequence[Measured]) -> Table:
    """Return the targets as a table for a terminal."""
    made = Table(box=SIMPLE_HEAD)
    made.add_column("target")
    for heading in ("at least", "aim", "measured", "spread", ""):
        made.add_column(heading, justify="right")
    for row in map(cells, found):
        made.add_row(*row, style=None if row[-1] == "pass" else "red")
    return made


def cells(one: Measured) -> tuple[str, ...]:
    """Return a target as the cells of a row."""
    sign = "≥" if one.target.better == "more" else "≤"
    low, high = one.spread
    return (
        one.target.name,
        f"{sign} {one.target.at_least:g}",
        f"{sign} {one.target.aim:g}",
        f"{one.measured:.2f}",
        f"{low:.2f}-{high:.2f}",
        "pass" if one.passed else "miss",
    )


def as_json(ran: Sequence[Ran], command: str, date: str) -> bytes:
    """Return all that was found as JSON."""
    content = {
        "targets": [_target(one) for one in measured(ran)],
        "figures": [figure for each in ran if each.section for figure in each.section.figures],
        "failed": {each.name: each.failure for each in ran if each.section is None},
        "machine": machine(),
        "versions": versions(),
        "command": command,
        "date": date,
    }
    return msgspec.json.format(msgspec.json.encode(content)) + b"\n"


def _target(one: Measured) -> dict[str, Any]:
    target = msgspec.to_builtins(one.target)
    found = {"measured": round(one.measured, 3), "passed": one.passed, "spread": one.spread}
    return {**target, **found, "ratios": list(one.ratios), "detail": one.detail}


def machine() -> str:
    """Describe this machine in a line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}"


def versions() -> dict[str, str]:
    """Return the versions of what the figures depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONS}}
