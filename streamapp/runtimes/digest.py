"""The digests of a model's files: noted when it is registered, checked before it is served."""

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from streamapp.contracts.errors import ModelLoadError

#: Written by MLflow beside what it downloads from a registry: name and version, which a copy has of its own.
META: Final = "registered_model_meta"


class File(Struct, frozen=True):
    """What one file of a model has to be.

    Attributes:
        sha256: SHA-256 of its bytes, as hexadecimal digits.
        size: Its bytes.
    """

    sha256: str
    size: int


#: Files by their path below the folder with the `MLmodel` file, with slashes.
Files = Mapping[str, File]


def files(folder: Path) -> dict[str, File]:
    """Return the digest of every file of a model, sorted by path.

    Args:
        folder: Where the `MLmodel` file is.

    Raises:
        ModelLoadError: Something there is neither a file nor a folder: a link leads to what nobody has looked at.
        OSError: A file cannot be read.
    """
    return {
        name: File(_sha256(path), path.stat().st_size)
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*"))
        if name != META and _is_file(path, name)
    }


def digest(found: Files) -> str:
    """Return one SHA-256 of all files of a model, as hexadecimal digits.

    It covers every file's path and bytes, and no times or permissions: what was logged and what `Registry.download`
    fetches have the same.
    """
    lines = [f"{file.sha256}  {name}\n" for name, file in sorted(found.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _is_file(path: Path, name: str) -> bool:
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ModelLoadError(f"{name!r} among its files is a link or a device, and no file.")
    return stat.S_ISREG(mode)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
