"""The disks of this machine: whether there is room where our parts write, and whether they may."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from streamapp.agents.thread import in_thread
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Said, Seen, error, warning
from streamapp.doctor.visit import Looks, Visit

_MEBI: Final = 1024 * 1024
#: Room that is little, and that is next to none: bytes, or that share of a small disk.
_LITTLE: Final = 500 * _MEBI, 0.1
_NONE: Final = 50 * _MEBI, 0.01


async def look(visit: Visit) -> Looks:
    """Look at the folders of this machine that our parts write to."""
    for about, folder in folders(visit.settings).items():
        for said in await in_thread(partial(_listed, about, folder)):
            yield said


def _listed(about: str, folder: Path) -> list[Said]:
    return list(examined(about, folder))


def folders(settings: Settings) -> dict[str, Path]:
    """Return the folders by the setting that names them; workers copy models to the one for temporary files."""
    return {
        f"STREAMAPP_VAR_DIR={settings.var_dir}": settings.var_dir,
        f"STREAMAPP_CSV_PATH={settings.csv_path}": settings.csv_path.parent,
        f"TMPDIR={tempfile.gettempdir()}": Path(tempfile.gettempdir()),
    }


def examined(about: str, folder: Path) -> Iterator[Said]:
    """Look at a folder, or at where it would be made."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if _is_there(place))
    if not there.is_dir():
        yield error(
            Fault.FOLDER_UNWRITABLE, about, f"{there} is a file: no folder can be made in it.", "Name another folder."
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        yield error(
            Fault.FOLDER_UNWRITABLE,
            about,
            f"We may not write to {there}.",
            "Give the user of that part the right to, or name another folder.",
            f"sudo chown $(id -un) {shlex.quote(str(there))}",
        )
    else:
        usage = shutil.disk_usage(there)
        yield room(about, usage.total, usage.free)


def _is_there(place: Path) -> bool:
    """Say whether a file or folder is there, as far as we may see: within one that is closed to us, nothing is."""
    try:
        return place.exists()
    except PermissionError:
        return False


def room(about: str, total: int, free: int) -> Said:
    """Return what is to be said of a disk.

    Args:
        about: Setting that names a folder on it.
        total: Its bytes.
        free: Those that are left.
    """
    if free >= _bound(_LITTLE, total):
        return Seen(f"{about.partition('=')[0]}: {free / _MEBI:,.0f} MiB free")
    say = error if free < _bound(_NONE, total) else warning
    return say(
        Fault.DISK_FULL,
        about,
        f"{free / _MEBI:,.0f} of {total / _MEBI:,.0f} MiB are free on its disk.",
        "Make room there, or name a folder on another disk.",
        f"du -xh --max-depth=1 {shlex.quote(about.partition('=')[2])} | sort -h",
    )


def _bound(little: tuple[int, float], total: int) -> float:
    size, share = little
    return min(size, share * total)
