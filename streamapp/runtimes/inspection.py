"""Looks at registered models without loading them: whether workers would, as far as small files tell.

Of a version only what describes it is fetched. Its other files are known by what the store lists of them; whether
their bytes are as in the manifest, `streamapp models verify` says.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from mlflow.models import Model as MlflowModel
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from streamapp.contracts.errors import ModelError, ModelLoadError
from streamapp.contracts.settings import Settings
from streamapp.runtimes.digest import File, files
from streamapp.runtimes.flavors import adapter
from streamapp.runtimes.listing import require_reasonable
from streamapp.runtimes.load import features
from streamapp.runtimes.manifests import Manifest, differences
from streamapp.runtimes.registry import Registry, Wanted, served_names
from streamapp.runtimes.requirements import unmet
from streamapp.runtimes.trust import trust_of

_MODEL, _PACKAGES, _PYTHON = "MLmodel", "requirements.txt", "python_env.yaml"
_DESCRIBING: Final = (_MODEL, _PACKAGES, _PYTHON)


class Named(NamedTuple):
    """What an alias of requests names.

    Attributes:
        alias: Name that requests use.
        name: Name in the registry.
        wanted: Version to be served; None where the registry has no such model, or none of its versions.
        is_promoted: Whether that version has the registry alias; else it is the newest.
    """

    alias: str
    name: str
    wanted: Wanted | None
    is_promoted: bool


class Inspected(NamedTuple):
    """What there is to say of a version; "" where there is nothing.

    Attributes:
        flavor: Runtime that would serve it.
        untrusted: Why nobody vouches for it as it is, as far as that was looked at.
        unfit: Why it cannot be served.
        packages: What it asks for and is not installed here.
        python: Python that it was made with, where that is another than this one.
    """

    flavor: str = ""
    untrusted: str = ""
    unfit: str = ""
    packages: tuple[str, ...] = ()
    python: str = ""


class Inspector(Registry):
    """Looks at what is to be served. Its calls block: keep them off the event loop.

    Args:
        settings: The settings in force.
        version_of: Returns the installed version of a package, "" where there is none.
    """

    def __init__(self, settings: Settings, version_of: Callable[[str], str]) -> None:
        super().__init__(settings.mlflow_tracking_uri, settings.registry_alias, settings.max_model_bytes)
        self._trust: Final = trust_of(settings)
        self._version_of = version_of

    @property
    def enforces(self) -> bool:
        """Whether workers refuse what nobody vouches for."""
        return self._trust.mode == "enforce"

    def names(self, aliases: Mapping[str, str]) -> tuple[list[Named], list[str]]:
        """Return what each alias names, and the names of all registered models.

        Args:
            aliases: Alias to name in the registry, beside those that tags give.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """
        models = self._models()
        versions = self.wanted(aliases)
        found = [
            Named(
                alias,
                name,
                versions.get(alias),
                is_promoted=name in models and self._alias in models[name].aliases,
            )
            for alias, name in sorted(served_names(models, aliases).items())
        ]
        return found, sorted(models)

    def inspect(self, wanted: Wanted) -> Inspected:
        """Look at a version.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """
        version = self.version(wanted)
        manifest, untrusted = None, ""
        if self._trust.mode != "off":
            try:
                manifest = self._trust.manifest(version)
            except ModelError as exc:
                untrusted = str(exc)
        if untrusted and self.enforces:  # then nothing of it is fetched, here as little as by a worker
            return Inspected(untrusted=untrusted)
        with tempfile.TemporaryDirectory(prefix="streamapp-doctor-") as folder:
            try:
                return self._described(version.name, version.uri, Path(folder), manifest, untrusted)
            except ModelLoadError as exc:
                return Inspected(untrusted=untrusted, unfit=str(exc))

    def _described(self, name: str, uri: str, folder: Path, manifest: Manifest | None, untrusted: str) -> Inspected:
        sizes = require_reasonable(uri, self._max_bytes)
        if _MODEL not in sizes:
            raise ModelLoadError(f"{name}: there is no MLmodel file in {uri}.")
        store = get_artifact_repository(uri)
        for file in _DESCRIBING:
            if file in sizes:
                store.download_artifacts(file, str(folder))  # type: ignore[no-untyped-call]  # MLflow's own
        if manifest is not None:
            known = files(folder)
            listed = {path: known.get(path) or _as_listed(manifest, path, size) for path, size in sizes.items()}
            if found := differences(manifest, listed):
                untrusted = f"{name}: its files differ from its manifest; {found}."
        described = MlflowModel.load(str(folder))
        flavor, _ = adapter(described.flavors, name)
        features(name, described)
        packages = _text(folder / _PACKAGES)
        return Inspected(flavor, untrusted, "", tuple(unmet(packages, self._version_of)), _other_python(folder))


def _as_listed(manifest: Manifest, path: str, size: int) -> File:
    """Return a file that was not fetched as the manifest has it, where it has the same size."""
    expected = manifest.files.get(path)
    return expected if expected is not None and expected.size == size else File("", size)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _other_python(folder: Path) -> str:
    """Return the Python that a model was made with, "" where that is this one but for its last number."""
    try:
        said = msgspec.yaml.decode(_text(folder / _PYTHON), type=dict[str, Any])
    except msgspec.DecodeError:
        return ""
    version = str(said.get("python", ""))
    return "" if version.split(".")[:2] in ([""], [str(part) for part in sys.version_info[:2]]) else version
