"""Asks MLflow over HTTP which models are registered: importing MLflow to ask would take seconds."""

from collections.abc import Iterable

import httpx
import msgspec
from msgspec import Struct

from streamapp.contracts.errors import ModelLoadError, RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import DIGEST_TAG
from streamapp.runtimes.manifests import Manifests, manifests_of


class _Tag(Struct, frozen=True):
    key: str


class _Version(Struct, frozen=True):
    version: str
    tags: tuple[_Tag, ...] = ()

    @property
    def trained_here(self) -> bool:
        return any(tag.key == DIGEST_TAG for tag in self.tags)


class _Alias(Struct, frozen=True):
    alias: str
    version: str


class _Model(Struct, frozen=True):
    latest_versions: tuple[_Version, ...] = ()
    aliases: tuple[_Alias, ...] = ()

    def served(self, alias: str) -> str | None:
        """Return the version to be served: the one with the alias, else the newest; None where there is none."""
        aliased = next((int(one.version) for one in self.aliases if one.alias == alias), None)
        newest = max((int(one.version) for one in self.latest_versions), default=None)
        chosen = newest if aliased is None else aliased
        return None if chosen is None else str(chosen)

    def is_complete(self, alias: str) -> bool:
        """Say whether it has a version that is no training's which failed: a training moves the alias last."""
        if any(one.alias == alias for one in self.aliases):
            return True
        return any(not version.trained_here for version in self.latest_versions)


class _Answer(Struct, frozen=True):
    registered_model: _Model


async def missing(settings: Settings, names: Iterable[str]) -> list[str]:
    """Return the names of which the registry has no version, or only what a training began that failed.

    Args:
        settings: Where MLflow is, and the registry alias.
        names: Registered names.

    Raises:
        RegistryUnavailable: It does not answer, or answers with an error.
    """
    models = await _models(settings, names)
    return [name for name, model in models.items() if not model.is_complete(settings.registry_alias)]


async def unvouched(settings: Settings) -> list[tuple[str, str]]:
    """Return name and version of what the settings' models are to be served with and workers refuse unseen.

    Raises:
        RegistryUnavailable: The registry does not answer, or answers with an error.
    """
    manifests = manifests_of(settings)
    if manifests is None or settings.trusted_models in {"warn", "off"}:
        return []
    models = await _models(settings, settings.models.values())
    served = {name: model.served(settings.registry_alias) for name, model in models.items()}
    return [(name, version) for name, version in served.items() if version and not _has(manifests, name, version)]


def _has(manifests: Manifests, name: str, version: str) -> bool:
    try:
        return manifests.of(name, version) is not None
    except ModelLoadError:
        return False


async def _models(settings: Settings, names: Iterable[str]) -> dict[str, _Model]:
    async with httpx.AsyncClient(base_url=settings.mlflow_tracking_uri, timeout=30.0, trust_env=False) as client:
        return {name: await _model(client, name) for name in names}


async def _model(client: httpx.AsyncClient, name: str) -> _Model:
    """Return what is registered under a name; where nothing is, a model without versions."""
    try:
        response = await client.get("/api/2.0/mlflow/registered-models/get", params={"name": name})
        if response.status_code == httpx.codes.NOT_FOUND:
            return _Model()
        response.raise_for_status()
    except httpx.HTTPError as exc:
        raise RegistryUnavailable(f"MLflow does not say whether {name} is registered: {exc}") from exc
    return msgspec.json.decode(response.content, type=_Answer).registered_model
