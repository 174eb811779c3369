"""Vouching for versions of models, and looking whether those that are to be served are as somebody vouched for."""

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from streamapp.contracts.errors import ModelError, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.runtimes.digest import Files
from streamapp.runtimes.manifests import manifests_of
from streamapp.runtimes.registry import ModelVersion, Registry, Wanted
from streamapp.runtimes.trust import Trust, fetch

#: Endings of files that run code of their own when a model is loaded from them.
_CODE: Final = frozenset({".cloudpickle", ".dill", ".joblib", ".pickle", ".pkl", ".py", ".pyc", ".so"})


class Vouched(NamedTuple):
    """A version that somebody has vouched for.

    Attributes:
        version: The version.
        files: Its files.
        manifest: File of its manifest.
    """

    version: ModelVersion
    files: Files
    manifest: Path

    @property
    def code(self) -> list[str]:
        """Its files that run code of their own when it is loaded, as far as their names tell."""
        return [name for name in self.files if PurePosixPath(name).suffix in _CODE]


class Voucher:
    """Writes and checks manifests. Its calls block, and load nothing of a model.

    Args:
        settings: The settings in force.

    Raises:
        SettingsError: They name no folder of manifests.
    """

    def __init__(self, settings: Settings) -> None:
        manifests = manifests_of(settings)
        if manifests is None:
            raise SettingsError("STREAMAPP_MODEL_MANIFESTS names no folder of manifests.")
        self._manifests = manifests
        self._models = settings.models
        self._registry = Registry(settings.mlflow_tracking_uri, settings.registry_alias, settings.max_model_bytes)

    def vouch(self, name: str, version: str | None) -> Vouched:
        """Vouch for a version as the registry has it now.

        Args:
            name: Its name in the registry, or its alias in the settings; one that a tag gives is not known here.
            version: Its version; None: the one that is to be served.

        Raises:
            ModelError: The registry does not have it, or its files are not those that were registered.
            RegistryUnavailable: The registry does not answer.
            SettingsError: The manifest cannot be written.
        """
        found = self._version(name, version)
        with tempfile.TemporaryDirectory(prefix="streamapp-model-") as folder:
            files = fetch(self._registry, found, Path(folder)).files
        return Vouched(found, files, self._manifests.vouch(found.name, found.version, files))

    def verify(self, name: str | None = None, version: str | None = None) -> Iterator[tuple[Wanted, str]]:
        """Yield versions, each with what forbids to load it, "" where nothing does.

        Args:
            name: As for `vouch`; None: all that are to be served.
            version: As for `vouch`.

        Raises:
            ModelNotFound: The registry does not have it.
            RegistryUnavailable: The registry does not answer.
        """
        wanted = {self._wanted(name, version)} if name else set(self._registry.wanted(self._models).values())
        for one in sorted(wanted):
            yield one, self._objection(self._registry.version(one))

    def _objection(self, version: ModelVersion) -> str:
        try:
            with tempfile.TemporaryDirectory(prefix="streamapp-model-") as folder:
                Trust(self._manifests, "enforce").fetch(self._registry, version, Path(folder))
        except ModelError as exc:
            return str(exc)
        return ""

    def _version(self, name: str, version: str | None) -> ModelVersion:
        return self._registry.version(self._wanted(name, version))

    def _wanted(self, name: str, version: str | None) -> Wanted:
        """Return what a name means, without the aliases of tags: who may tag would choose what is vouched for."""
        registered = self._models.get(name, name)
        return Wanted(registered, version or self._registry.resolve(registered).version)
