"""The MLflow model registry: which version serves, and its files."""

import os
from pathlib import Path
from typing import Final, NamedTuple

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable

_SERVER_ERROR: Final = 500


class ModelVersion(NamedTuple):
    """A version of a registered model.

    Attributes:
        name: Name in the registry.
        version: Version in the registry.
        run_id: MLflow run that made it.
    """

    name: str
    version: str
    run_id: str

    @property
    def uri(self) -> str:
        """MLflow's address of it."""
        return f"models:/{self.name}/{self.version}"


class Registry:
    """Reads an MLflow registry. Its calls block: keep them off the event loop.

    Args:
        uri: Tracking URI of the MLflow server.
        alias: Registry alias whose version serves.
    """

    def __init__(self, uri: str, alias: str) -> None:
        # MLflow repeats a failed call seven times with growing pauses: minutes. Whoever calls us repeats by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        mlflow.set_tracking_uri(uri)
        self.uri = uri
        self._alias = alias
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def resolve(self, name: str) -> ModelVersion:
        """Return the version of a model that serves: the one with the alias, else the newest.

        Raises:
            ModelNotFound: No version is registered under the name.
            RegistryUnavailable: The registry does not answer.
        """
        try:
            found = self._by_alias(name) or self._newest(name)
        except MlflowException as exc:
            raise self._unavailable(exc) from exc
        if found is None:
            raise ModelNotFound(f"The registry at {self.uri} has no model {name!r}.")
        return found

    def download(self, version: ModelVersion, folder: Path) -> Path:
        """Fetch the files of a version into `folder`; returns where its `MLmodel` file is.

        Raises:
            ModelLoadError: They are not there, or there is no room for them.
            RegistryUnavailable: The registry or its artifact store does not answer.
        """
        try:
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=version.uri, dst_path=str(folder)))
        except (MlflowException, OSError) as exc:
            if _is_away(exc):
                raise self._unavailable(exc) from exc
            raise ModelLoadError(f"{version.name} {version.version}: its files cannot be fetched: {exc}") from exc

    def _by_alias(self, name: str) -> ModelVersion | None:
        try:
            found = self._client.get_model_version_by_alias(name, self._alias)
        except MlflowException as exc:
            if exc.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
        return ModelVersion(name, str(found.version), found.run_id or "")

    def _newest(self, name: str) -> ModelVersion | None:
        versions = self._client.search_model_versions(f"name = '{name.replace(chr(39), '')}'")
        if not versions:
            return None
        newest = max(versions, key=lambda version: int(version.version))
        return ModelVersion(name, str(newest.version), newest.run_id or "")

    def _unavailable(self, exc: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(f"The registry at {self.uri} (MLFLOW_TRACKING_URI) does not answer: {exc}")


def _is_away(exc: Exception) -> bool:
    """Say whether a server did not answer or failed, rather than said no."""
    if isinstance(exc, RestException):
        status: int = exc.get_http_status_code()  # type: ignore[no-untyped-call]  # MLflow's own
        return status >= _SERVER_ERROR
    if isinstance(exc, requests.HTTPError):
        return exc.response is None or exc.response.status_code >= _SERVER_ERROR
    if isinstance(exc, MlflowException):
        return bool(exc.error_code == "INTERNAL_ERROR")  # what MLflow makes of a connection that fails
    return isinstance(exc, requests.RequestException)
