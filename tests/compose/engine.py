"""A Docker engine for the tests: the one that is there, or one that a script starts for as long as they run."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

#: Starts an engine where none runs, and makes the base images where they cannot be pulled.
_SCRIPT = Path(__file__).parents[3] / "shared/docker/base-images"
_PID = Path("/var/run/docker.pid")


@contextmanager
def engine() -> Iterator[None]:
    """Have an engine and base images; what was started for it ends with it.

    Skips where none can be had; fails where one has to be.
    """
    before = _pid()
    try:
        _prepare()
        yield
    finally:
        started = _pid()
        if started not in {None, before}:
            _end(started)


def compose() -> list[str]:
    """Return the command that composes, an empty one where there is none."""
    if _runs("docker", "compose", "version"):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def pulls(image: str) -> bool:
    """Return whether an image is there or can be pulled."""
    return _runs("docker", "image", "inspect", image) or _runs("docker", "pull", "--quiet", image)


def _prepare() -> None:
    script = Path(os.environ.get("STREAMAPP_TEST_BASE_IMAGES", _SCRIPT))
    if script.is_file() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run([script], check=True, stdout=subprocess.DEVNULL)
    elif not _runs("docker", "info"):
        _lacking(f"no Docker engine answers, and {script} cannot start one (STREAMAPP_TEST_BASE_IMAGES names it)")
    if not compose():
        _lacking("neither docker compose nor docker-compose is installed")


def _lacking(what: str) -> NoReturn:
    """Skip; fail where it has to be, as on a machine that checks changes."""
    must = os.environ.get("CI", "").lower() in {"1", "true"}
    (pytest.fail if must else pytest.skip)(what)


def _runs(*command: str) -> bool:
    found = shutil.which(command[0]) is not None
    return found and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _pid() -> int | None:
    return int(_PID.read_text()) if _PID.exists() else None


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.1)
