"""The manifests of trusted models: one file a version, in a folder apart from the artifacts.

A manifest says which files a version has, with the digest of each. Whoever writes one vouches for the version. So the
folder has to be out of reach of all who can write to the artifact store or to the registry: see
docs/decisions/0025-trusted-models.md.
"""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from streamapp.contracts.codec import utc_now
from streamapp.contracts.errors import ModelLoadError, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.contracts.whole_files import replace
from streamapp.runtimes.digest import File, Files

_VERSION: Final = re.compile(r"[0-9]+")
#: Files that a sentence names.
_MOST: Final = 3
_READABLE: Final = 0o644


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody vouches for the files of a version.

    Attributes:
        name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        time: Since when, UTC, ISO 8601.
        files: Its files by path; see `digest.Files`.
    """

    name: str
    version: str
    time: str
    files: dict[str, File]


class Manifests:
    """A folder of manifests.

    Args:
        folder: The folder; it is made with the first manifest.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def vouch(self, name: str, version: str, files: Files) -> Path:
        """Write the manifest of a version, over the one before where there is one; returns its file.

        Raises:
            SettingsError: It cannot be written.
        """
        path = self._path(name, version)
        manifest = Manifest(name, version, utc_now(), dict(files))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace(path, msgspec.json.format(msgspec.json.encode(manifest)), _READABLE)
        except OSError as exc:
            raise SettingsError(f"The manifest {path} (STREAMAPP_MODEL_MANIFESTS) cannot be written: {exc}") from exc
        return path

    def of(self, name: str, version: str) -> Manifest | None:
        """Return the manifest of a version; None where there is none.

        Raises:
            ModelLoadError: It cannot be read, or is that of another version.
        """
        path = self._path(name, version)
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as exc:
            raise ModelLoadError(f"{name} {version}: its manifest {path} cannot be read: {exc}.") from exc
        if (manifest.name, manifest.version) != (name, version):
            raise ModelLoadError(f"{name} {version}: its manifest {path} is that of another version.")
        return manifest

    def _path(self, name: str, version: str) -> Path:
        """Return the file of a version's manifest; no name leads out of the folder."""
        if not _VERSION.fullmatch(version):
            raise ModelLoadError(f"{version!r} is no version: versions are whole numbers.")
        return self._folder / f"{quote(name, safe='')}-{version}.json"


def manifests_of(settings: Settings) -> Manifests | None:
    """Return the folder that the settings name; None where they name none."""
    return None if settings.model_manifests is None else Manifests(settings.model_manifests)


def differences(manifest: Manifest, files: Files) -> str:
    """Say how files differ from their manifest; "" where they do not."""
    expected = manifest.files
    kinds = {
        "changed": [name for name in expected if name in files and files[name] != expected[name]],
        "added": [name for name in files if name not in expected],
        "missing": [name for name in expected if name not in files],
    }
    return "; ".join(f"{kind}: {_listed(names)}" for kind, names in kinds.items() if names)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(map(repr, sorted(names)[:_MOST])) + more
