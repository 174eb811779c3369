"""Which models may be loaded: those that somebody has vouched for, file by file.

Loading a model runs code: a pickle does, an `MLmodel` file may name any module to be imported, and the list of types
that skops trusts stands in that file as well. So all is decided before the first file is looked into. What is
decided on is a copy in a private folder, and what is loaded is that copy: what becomes of the artifact store in
between changes nothing.
"""

import logging
import shlex
from pathlib import Path
from typing import Final, Literal, NamedTuple

from streamapp.contracts.errors import ModelError, ModelLoadError, UntrustedModel
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import DIGEST_TAG
from streamapp.runtimes.digest import META, Files, digest, files
from streamapp.runtimes.manifests import Manifest, Manifests, differences, manifests_of
from streamapp.runtimes.registry import ModelVersion, Registry

log = logging.getLogger(__name__)


class Fetched(NamedTuple):
    """A version's files on this machine.

    Attributes:
        path: Where the `MLmodel` file is.
        files: All that is there.
    """

    path: Path
    files: Files


class Trust:
    """Decides which versions may be loaded.

    Args:
        manifests: What somebody vouches for; None: nobody vouches for anything.
        mode: What becomes of all else: `enforce` refuses it, `warn` says so in the log, `off` does neither.

    Attributes:
        mode: The same.
    """

    def __init__(self, manifests: Manifests | None, mode: Literal["enforce", "warn", "off"]) -> None:
        self._manifests = manifests
        self.mode: Final = mode

    def fetch(self, registry: Registry, version: ModelVersion, folder: Path) -> Path:
        """Fetch a version into a private folder; returns where its `MLmodel` file is. It may be loaded from there.

        Nothing is fetched of a version that nobody has vouched for and that is to be refused.

        Raises:
            UntrustedModel: Nobody has vouched for it.
            ModelLoadError: Its files are not those of its manifest, or not those that were registered.
            RegistryUnavailable: Its files cannot be fetched.
        """
        manifest = self._manifest(version)
        fetched = fetch(registry, version, folder)
        if manifest is not None and (found := differences(manifest, fetched.files)):
            self._object(
                ModelLoadError(f"{version.name} {version.version}: its files differ from its manifest; {found}.")
            )
        return fetched.path

    def manifest(self, version: ModelVersion) -> Manifest:
        """Return what somebody has vouched for of a version.

        Raises:
            UntrustedModel: Nobody has vouched for it.
            ModelLoadError: Its manifest cannot be read, or is that of another version.
        """
        manifest = self._manifests.of(version.name, version.version) if self._manifests else None
        if manifest is None:
            raise UntrustedModel(
                f"{version.name} {version.version}: nobody has vouched for its files. To do so: streamapp models "
                f"trust {shlex.quote(version.name)} {version.version} (STREAMAPP_MODEL_MANIFESTS)"
            )
        return manifest

    def _manifest(self, version: ModelVersion) -> Manifest | None:
        if self.mode == "off":
            return None
        try:
            return self.manifest(version)
        except ModelError as objection:
            self._object(objection)
        return None

    def _object(self, objection: ModelError) -> None:
        if self.mode == "enforce":
            raise objection
        log.warning("%s It is loaded all the same (STREAMAPP_TRUSTED_MODELS).", objection)


#: For those who look after their registry by other means, or on their own.
ANYTHING: Final = Trust(None, "off")


def trust_of(settings: Settings) -> Trust:
    """Return what the settings say of trust."""
    manifests, mode = manifests_of(settings), settings.trusted_models
    if mode == "auto":
        mode = "warn" if manifests is None else "enforce"
    return Trust(manifests, mode)


def fetch(registry: Registry, version: ModelVersion, folder: Path) -> Fetched:
    """Fetch a version into a private folder, as it was registered.

    Raises:
        ModelLoadError: Its files are not those that were registered, or lack an `MLmodel` file, or one is no file.
        RegistryUnavailable: Its files cannot be fetched.
    """
    path = registry.download(version, folder)
    (path / META).unlink(missing_ok=True)  # the only file that no digest covers
    try:
        found = files(path)
    except (ModelLoadError, OSError) as exc:
        raise ModelLoadError(f"{version.name} {version.version}: {exc}") from exc
    if "MLmodel" not in found:
        raise ModelLoadError(f"{version.name} {version.version}: there is no MLmodel file in {version.uri}.")
    if version.digest and digest(found) != version.digest:
        raise ModelLoadError(
            f"{version.name} {version.version}: its files are not those that were registered (tag {DIGEST_TAG}). "
            "Register the model again, or remove the tag where the change was meant."
        )
    return Fetched(path, found)
