"""The digest of a model's files: noted when it is registered, checked before it is served."""

import hashlib
from pathlib import Path
from typing import Final

#: Written by MLflow into what it downloads from a registry: name and version, which a copy has of its own.
_NOT_THE_MODELS: Final = "registered_model_meta"


def digest(folder: Path) -> str:
    """Return the SHA-256 of the files of a model, as hexadecimal digits.

    It covers every file's path below the folder and its bytes, and no times or permissions: what was logged and what
    `Registry.download` fetches have the same.

    Args:
        folder: Where the `MLmodel` file is.

    Raises:
        OSError: A file cannot be read.
    """
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and path.name != _NOT_THE_MODELS
    )
    lines = [f"{_of_file(path)}  {name}\n" for name, path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
