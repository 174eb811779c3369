"""Prometheus' own checker, on the files of this project."""

import subprocess
from pathlib import Path

import debian

PROMETHEUS = Path(__file__).parents[1] / "observability/prometheus"
RULES = PROMETHEUS / "rules.yml"


def promtool(*arguments: str | Path) -> str:
    """Run promtool; return what it wrote. Skips where there is none, see `debian.executable`."""
    command = [debian.executable("prometheus", "promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout
