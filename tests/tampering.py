"""Artifacts in a real MLflow server's store, as somebody has them who may write there."""

from pathlib import Path
from typing import Any

import mlflow
import yaml
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository


class Store:
    """The artifact store of one version.

    Args:
        uri: The MLflow server.
        name: Name of the model.
        version: Its version.
        work: A folder for what is put there.
    """

    def __init__(self, uri: str, name: str, version: str, work: Path) -> None:
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(uri)
        try:
            underlying = ModelsArtifactRepository.get_underlying_uri(f"models:/{name}/{version}")
        finally:
            mlflow.set_tracking_uri(before)
        self._repository = get_artifact_repository(underlying, tracking_uri=uri)
        self._work = work

    def put(self, path: str, content: str) -> None:
        """Write a file, over the one before where there is one."""
        folder, _, name = path.rpartition("/")
        (self._work / name).write_text(content)
        self._repository.log_artifact(str(self._work / name), folder or None)

    def remove(self, path: str) -> None:
        self._repository.delete_artifacts(path)

    def change_model(self, **flavors: Any) -> None:
        """Replace the flavours in its `MLmodel` file."""
        file = Path(self._repository.download_artifacts("MLmodel", str(self._work)))
        self.put("MLmodel", yaml.safe_dump({**yaml.safe_load(file.read_text()), "flavors": flavors}))

    def plant(self, marker: Path) -> None:
        """Have the model write a file when it is loaded."""
        module = f"loads_{marker.stem}"
        self.put(f"code/{module}.py", f"open({str(marker)!r}, 'w').close()\n")
        self.change_model(python_function={"loader_module": module, "code": "code", "data": "model.lgb", "env": {}})
