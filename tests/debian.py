"""Programs that tests need and Debian has."""

import os
import shutil
import subprocess
from functools import cache

import pytest


@cache
def executable(package: str, *names: str) -> str:
    """Return the path of a program.

    Where there is none it skips; on a machine that checks changes it installs Debian's, and fails where it cannot.

    Args:
        package: Debian's name of the package.
        names: The program's names, the first of which Debian has.
    """
    if found := _found(names):
        return found
    lacking = f"there is no {names[0]} on the PATH"
    if os.environ.get("CI", "").lower() not in {"1", "true"}:
        pytest.skip(f"{lacking}: apt-get install {package}")
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ("update", f"install --yes --no-install-recommends {package}"):
            subprocess.run(["apt-get", "-qq", *command.split()], check=False, stdout=subprocess.DEVNULL, timeout=400)
    return _found(names) or pytest.fail(f"{lacking}, and {package} could not be installed")


def _found(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)
