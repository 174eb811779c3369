"""A virtual environment for each peer: what it needs may not fit what the project needs."""

import shutil
import sys
from pathlib import Path
from typing import Final

from benchmarks.registries import finish
from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded.processes import Processes, Program

_LOCKS: Final = Path(__file__).parent / "peers"


async def python(processes: Processes, folder: Path, name: str) -> Path:
    """Return the Python of a peer; its environment is made from `peers/NAME.lock`, where it has one.

    Args:
        processes: Runs uv.
        folder: Folder of the environments; one that is there is taken, unless its lock or this Python has changed.
        name: The peer.

    Raises:
        ProcessFailed: uv is not installed, or cannot install what the lock names.
    """
    lock = _LOCKS / f"{name}.lock"
    if not lock.exists():
        return Path(sys.executable)
    venv = (folder / name).resolve()
    stamp, executable = venv / ".installed", venv / "bin/python"
    wanted = f"{sys.version}\n{lock.read_text()}"
    if not executable.exists() or not stamp.exists() or stamp.read_text() != wanted:
        await _install(processes, venv, lock, _uv())
        stamp.write_text(wanted)
    return executable


def _uv() -> str:
    """Return the uv that made the project's own environment."""
    uv = shutil.which("uv") or shutil.which("uv", path=".uv/bin")
    if uv is None:
        raise ProcessFailed("uv is needed to install the peers: make install gets it.")
    return uv


async def _install(processes: Processes, venv: Path, lock: Path, uv: str) -> None:
    name = lock.stem
    await finish(
        processes, Program(f"venv-{name}", (uv, "venv", "--clear", "--quiet", "--python", sys.executable, str(venv)))
    )
    sync = (uv, "pip", "sync", "--quiet", "--python", str(venv / "bin/python"), "--require-hashes")
    await finish(processes, Program(f"install-{name}", (*sync, "--compile-bytecode", str(lock))))
