"""The faults that every run of the tests meets: real processes on Apache Kafka, with exactly_once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import apache_kafka
import pytest

from chaos.result import Result, load
from chaos.screen import summary

TESTS = Path(__file__).parents[1]
FAULTS = (1, 2, 3, 4, 6, 14, 17)
RECORDS = 2000
#: Seconds after which they hang. They take four minutes on two slow cores with nothing beside them.
LIMIT = 900


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> dict[int, Result]:
    """Run them in one go, as `make chaos` does: what they share takes the longest to start."""
    apache_kafka.require()
    out = tmp_path_factory.mktemp("chaos") / "chaos.json"
    options = ("--faults", ",".join(map(str, FAULTS)), "--seed", "1", "--records", str(RECORDS), "--out", str(out))
    command = (sys.executable, "-m", "chaos", *options, "--keep", str(out.parent))
    start = time.monotonic()
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(TESTS)}, check=False, timeout=LIMIT)
    _tell(pytestconfig, f"chaos: {len(FAULTS)} faults in {time.monotonic() - start:.0f} s")
    found = {result.fault: result for result in load(out)}
    assert done.returncode == 0 or not all(result.passed for result in found.values())
    return found


@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_is_there_twice_after_fault(fault: int, results: dict[int, Result]) -> None:
    result = results[fault]
    assert result.passed, summary(result)
    assert (result.lost, result.repeated, result.accepted >= RECORDS) == (0, 0, True)


def _tell(config: pytest.Config, line: str) -> None:
    """Show a line though the test passes."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(line)
