"""A disk of a few megabytes: a tmpfs of limited size, which can be filled and freed."""

import errno
import shutil
import subprocess
from pathlib import Path
from typing import Final

from chaos.fault import NotPossible

_CHUNKS: Final = 1024 * 1024, 4096
_FILLER: Final = "filler"


def mount(folder: Path, mebibytes: int) -> None:
    """Put a small disk over a folder; what the folder holds is out of sight until it is unmounted.

    Raises:
        NotPossible: Nothing may be mounted here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise NotPossible(f"a tmpfs cannot be mounted: {getattr(exc, 'stderr', '') or exc}") from exc


def unmount(folder: Path) -> None:
    """Take it away with all that it holds."""
    subprocess.run(("umount", str(folder)), check=True)


def move(source: Path, target: Path) -> None:
    """Move what a folder holds into another, on another disk maybe; holes stay holes."""
    subprocess.run(("cp", "-a", "--sparse=always", f"{source}/.", str(target)), check=True)
    for entry in source.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def mebibytes(folder: Path) -> int:
    """Return the space that the files of a folder take, rounded up."""
    done = subprocess.run(("du", "-sm", str(folder)), check=True, capture_output=True, text=True)
    return int(done.stdout.split()[0])


def fill(folder: Path) -> None:
    """Use up all space that is left, to the last block."""
    with (folder / _FILLER).open("wb", buffering=0) as filler:
        for size in _CHUNKS:
            try:
                while filler.write(bytes(size)) == size:
                    pass
            except OSError as exc:
                if exc.errno != errno.ENOSPC:
                    raise


def free(folder: Path) -> None:
    """Give the space back."""
    (folder / _FILLER).unlink()
