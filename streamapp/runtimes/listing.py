"""What an artifact store lists of a model, looked at before anything of it is fetched."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from streamapp.contracts.errors import ModelLoadError

#: Files and folders that a model may have; AutoGluon's, the largest of ours, have some thirty.
MAX_FILES: Final = 10_000
#: Characters that a path may have; a store may list folders in folders without end.
MAX_PATH: Final = 1000


def require_reasonable(uri: str, max_bytes: float) -> dict[str, int]:
    """Check that the files of a model may be fetched; returns their sizes in bytes by path, as the store lists them.

    Args:
        uri: MLflow's address of it.
        max_bytes: Most bytes that they may have together.

    Raises:
        ModelLoadError: They are too many or too large, or a path is too long or leads out of the model's folder.
        Exception: Whatever the client of the artifact store raises where that does not answer.
    """
    sizes: dict[str, int] = {}
    count = size = 0
    for file in _listed(get_artifact_repository(uri)):
        count, size = count + 1, size + (file.file_size or 0)
        if not file.is_dir:
            sizes[file.path] = file.file_size or 0
        if count > MAX_FILES:
            raise ModelLoadError(f"it has more than {MAX_FILES} files.")
        if size > max_bytes:
            raise ModelLoadError(f"its files have more than {max_bytes} bytes (STREAMAPP_MAX_MODEL_BYTES).")
        if len(file.path) > MAX_PATH or not _is_inside(PurePosixPath(file.path)):
            raise ModelLoadError(f"the path of a file is too long or leads out of its folder: {file.path[:100]!r}.")
    return sizes


def _listed(repository: ArtifactRepository) -> Iterator[FileInfo]:
    """Yield what a store lists, folders too; it may name a folder among its own files."""
    folders = [""]
    while folders:
        folder = folders.pop()
        found = [one for one in repository.list_artifacts(folder or None) if one.path != folder]
        yield from found
        folders += [one.path for one in found if one.is_dir]


def _is_inside(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts
