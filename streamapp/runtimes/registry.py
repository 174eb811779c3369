"""The MLflow model registry: what is to be served, which version of it, and its files."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException, RestException

from streamapp.contracts.errors import ModelLoadError, ModelNotFound, RegistryUnavailable
from streamapp.contracts.shown import masked
from streamapp.contracts.status import ALIAS_TAG, DIGEST_TAG
from streamapp.runtimes.listing import require_reasonable

T = TypeVar("T")

_SERVER_ERROR: Final = 500
#: Registered models that one request asks for; the server's own bound.
_PAGE: Final = 1000


class Wanted(NamedTuple):
    """What an alias is to be served with.

    Attributes:
        name: Name in the registry.
        version: Version in the registry.
    """

    name: str
    version: str


class ModelVersion(NamedTuple):
    """A version of a registered model.

    Attributes:
        name: Name in the registry.
        version: Version in the registry.
        run_id: MLflow run that made it.
        digest: Digest of its files as they were registered, "" where nobody took it.
    """

    name: str
    version: str
    run_id: str
    digest: str = ""

    @property
    def uri(self) -> str:
        """MLflow's address of it."""
        return f"models:/{self.name}/{self.version}"


class Registry:
    """Reads an MLflow registry. Its calls block: keep them off the event loop.

    Args:
        uri: Tracking URI of the MLflow server.
        alias: Registry alias whose version serves.
        max_bytes: Most bytes that a version's files may have together.
    """

    def __init__(self, uri: str, alias: str, max_bytes: float = math.inf) -> None:
        # MLflow repeats a failed call seven times with growing pauses: minutes. Whoever calls us repeats by itself.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        mlflow.set_tracking_uri(uri)
        self.uri: Final = masked(uri)
        self._given = uri
        self._alias = alias
        self._max_bytes = max_bytes
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def wanted(self, aliases: Mapping[str, str]) -> dict[str, Wanted]:
        """Return what each alias is to be served with: the version with the registry alias, else the newest.

        Args:
            aliases: Alias to name in the registry. Beside these, registered models say by a tag (`ALIAS_TAG`) under
                which alias they want to be served; see `served_names`.

        Returns:
            By alias; without those whose model the registry does not have, or of which it has no version.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """
        models = self._models()
        names = served_names(models, aliases)
        versions = {alias: _version(models[name], self._alias) for alias, name in names.items() if name in models}
        return {alias: wanted for alias, wanted in versions.items() if wanted is not None}

    def version(self, wanted: Wanted) -> ModelVersion:
        """Return what the registry says of a version.

        Raises:
            ModelNotFound: It has no such version.
            RegistryUnavailable: The registry does not answer.
        """
        try:
            found = self._asked(lambda: self._client.get_model_version(wanted.name, wanted.version))
        except MlflowException as exc:
            raise ModelNotFound(
                f"{wanted.name} {wanted.version} is not to be had from {self.uri}: {self._said(exc)}"
            ) from None
        return ModelVersion(*wanted, found.run_id or "", found.tags.get(DIGEST_TAG, ""))

    def resolve(self, name: str) -> ModelVersion:
        """Return the version of a registered model that is to be served.

        Raises:
            ModelNotFound: No version is registered under the name.
            RegistryUnavailable: The registry does not answer.
        """
        wanted = self.wanted({name: name}).get(name)
        if wanted is None:
            raise ModelNotFound(f"The registry at {self.uri} has no model {name!r}.")
        return self.version(wanted)

    def download(self, version: ModelVersion, folder: Path) -> Path:
        """Fetch the files of a version into `folder`; returns where its `MLmodel` file is.

        Raises:
            ModelLoadError: They are not there, or there is no room for them; or, before any is fetched, they are too
                many, too large, or have paths that lead elsewhere.
            RegistryUnavailable: The registry or its artifact store does not answer.
        """
        try:
            require_reasonable(version.uri, self._max_bytes)
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=version.uri, dst_path=str(folder)))
        except ModelLoadError as exc:
            raise ModelLoadError(f"{version.name} {version.version}: {exc}") from None
        except Exception as exc:  # noqa: BLE001  # the client of an artifact store may raise anything
            if _is_away(exc):
                raise self._unavailable(exc) from None
            raise ModelLoadError(
                f"{version.name} {version.version}: its files cannot be fetched: {self._said(exc)}"
            ) from None

    def _models(self) -> dict[str, RegisteredModel]:
        return {model.name: model for model in self._asked(lambda: list(self._pages()))}

    def _pages(self) -> Iterator[RegisteredModel]:
        token: str | None = None
        while token != "":  # where the next page begins
            page = self._client.search_registered_models(max_results=_PAGE, page_token=token)
            yield from page
            token = page.token or ""

    def _asked(self, ask: Callable[[], T]) -> T:
        """Return the registry's answer.

        Raises:
            MlflowException: It said no.
            RegistryUnavailable: It did not answer.
        """
        try:
            return ask()
        except (MlflowException, requests.RequestException) as exc:
            if _is_away(exc):
                raise self._unavailable(exc) from None
            raise

    def _unavailable(self, exc: Exception) -> RegistryUnavailable:
        said = self._said(exc)
        return RegistryUnavailable(f"The registry at {self.uri} (MLFLOW_TRACKING_URI) does not answer: {said}")

    def _said(self, exc: Exception) -> str:
        """Return an error's text without the registry's password, if it has one.

        The error itself has it, so that it is nobody's cause: logs show causes.
        """
        return str(exc).replace(self._given, self.uri)


def served_names(models: Mapping[str, RegisteredModel], aliases: Mapping[str, str]) -> dict[str, str]:
    """Return the name in the registry of what each alias names.

    The settings come before tags; of models with the same tag, the first by name has the alias.

    Args:
        models: Registered models by name.
        aliases: Alias to name, by the settings.
    """
    tagged = {
        str(model.tags[ALIAS_TAG]): name
        for name, model in sorted(models.items(), reverse=True)
        if ALIAS_TAG in model.tags
    }
    return {**tagged, **aliases}


def _version(model: RegisteredModel, alias: str) -> Wanted | None:
    """Return the version of a registered model that has the alias, else its newest; None where it has none."""
    aliased = model.aliases.get(alias)
    newest = max((int(version.version) for version in model.latest_versions), default=None)
    chosen = aliased if aliased is not None else newest
    return None if chosen is None else Wanted(model.name, str(chosen))


def _is_away(exc: Exception) -> bool:
    """Say whether a server did not answer, failed or let us not in, rather than said no."""
    if isinstance(exc, RestException):
        status: int = exc.get_http_status_code()  # type: ignore[no-untyped-call]  # MLflow's own
        return status >= _SERVER_ERROR
    if isinstance(exc, requests.HTTPError):
        return exc.response is None or exc.response.status_code >= _SERVER_ERROR
    if isinstance(exc, MlflowException):
        # What MLflow makes of a connection that fails, and of credentials that are wrong or missing.
        return exc.error_code in {"INTERNAL_ERROR", "UNAUTHENTICATED"}
    return isinstance(exc, requests.RequestException)
