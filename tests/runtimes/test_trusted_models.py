"""Which models are loaded: those whose files somebody has vouched for, and nothing else of them."""

import logging
import resource
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
from foreign_support import Folder
from mlflow.entities import FileInfo
from mlflow.models import infer_signature
from tampering import Store

from streamapp.contracts.errors import ModelLoadError, SettingsError, UntrustedModel
from streamapp.contracts.settings import load_settings
from streamapp.runtimes import listing
from streamapp.runtimes.digest import files
from streamapp.runtimes.load import load_model
from streamapp.runtimes.manifests import Manifest, Manifests
from streamapp.runtimes.registry import ModelVersion, Registry
from streamapp.runtimes.trust import Trust, trust_of

ROWS = pd.DataFrame(np.random.default_rng(7).normal(size=(200, 2)), columns=["a", "b"])


@pytest.fixture(scope="module")
def registry(registry_uri: str) -> Iterator[Registry]:
    yield Registry(registry_uri, "champion")
    mlflow.set_tracking_uri(None)


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    return lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(ROWS, ROWS["a"] > 0), 2)


@pytest.fixture
def version(registry: Registry, booster: lightgbm.Booster) -> ModelVersion:
    """A model that is registered as its author would; nobody has vouched for it."""
    name = f"Trusted_{uuid.uuid4().hex[:8]}"
    mlflow.lightgbm.log_model(
        booster,
        name="model",
        registered_model_name=name,
        signature=infer_signature(ROWS, booster.predict(ROWS)),
        input_example=ROWS.head(1),
        pip_requirements=["lightgbm"],
    )
    return registry.resolve(name)


@pytest.fixture
def manifests(tmp_path: Path) -> Manifests:
    return Manifests(tmp_path / "manifests")


@pytest.fixture
def vouched(registry: Registry, version: ModelVersion, manifests: Manifests, tmp_path: Path) -> ModelVersion:
    """The same, and somebody has."""
    manifests.vouch(version.name, version.version, files(registry.download(version, tmp_path / "seen")))
    return version


@pytest.fixture
def store(registry_uri: str, version: ModelVersion, tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(registry_uri, version.name, version.version, tmp_path / "store")


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a model writes whose code runs."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path / f"ran{uuid.uuid4().hex[:8]}"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_a_version_is_loaded_whose_files_are_as_in_its_manifest(
    registry: Registry, vouched: ModelVersion, manifests: Manifests
) -> None:
    model = load_model(registry, "mine", vouched, trust=Trust(manifests, "enforce"))
    assert (model.card.registered_name, model.card.flavor) == (vouched.name, "lightgbm")


def test_nothing_is_fetched_of_a_version_that_nobody_has_vouched_for(
    registry_uri: str, version: ModelVersion, manifests: Manifests
) -> None:
    class Unasked(Registry):
        def download(self, version: ModelVersion, folder: Path) -> Path:
            raise AssertionError

    with pytest.raises(UntrustedModel, match=f"streamapp models trust {version.name} 1 "):
        load_model(Unasked(registry_uri, "champion"), "mine", version, trust=Trust(manifests, "enforce"))


@pytest.mark.bad_input(19)
@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda store, _: store.put("model.lgb", "tree\n"), r"differ from its manifest; changed: 'model\.lgb'\."),
        (lambda store, _: store.put("code/more.py", ""), r"differ from its manifest; added: 'code/more\.py'\."),
        (lambda store, _: store.remove("requirements.txt"), r"manifest; missing: 'requirements\.txt'\."),
        (lambda store, _: store.put("registered_model_meta", "x"), ""),
        (lambda store, _: store.put("more/registered_model_meta", "x"), "added: 'more/registered_model_meta'"),
        (lambda store, marker: store.plant(marker), r"changed: 'MLmodel'; added: 'code/loads_ran"),
    ],
    ids=["changed", "added", "missing", "not MLflow's own", "named like MLflow's own", "code"],
)
def test_a_version_whose_files_are_others_is_refused_and_runs_no_code(
    registry: Registry,
    vouched: ModelVersion,
    manifests: Manifests,
    *,
    store: Store,
    marker: Path,
    tamper: Callable[[Store, Path], None],
    said: str,
) -> None:
    tamper(store, marker)
    if said:
        with pytest.raises(ModelLoadError, match=said):
            load_model(registry, "mine", vouched, trust=Trust(manifests, "enforce"))
    else:
        load_model(registry, "mine", vouched, trust=Trust(manifests, "enforce"))
    assert not marker.exists()


def test_where_a_warning_is_enough_the_same_is_loaded_and_the_log_says_so(
    registry: Registry,
    vouched: ModelVersion,
    manifests: Manifests,
    *,
    store: Store,
    marker: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.plant(marker)
    with caplog.at_level(logging.WARNING), pytest.raises(ModelLoadError):  # it has no model to load
        load_model(registry, "mine", vouched, trust=Trust(manifests, "warn"))
    assert marker.exists()
    assert "changed: 'MLmodel'" in caplog.text
    assert "It is loaded all the same (STREAMAPP_TRUSTED_MODELS)." in caplog.text


@pytest.mark.parametrize("folder", [True, False])
def test_where_a_warning_is_enough_a_version_is_loaded_that_nobody_has_vouched_for(
    registry: Registry, version: ModelVersion, manifests: Manifests, caplog: pytest.LogCaptureFixture, *, folder: bool
) -> None:
    load_model(registry, "mine", version, trust=Trust(manifests if folder else None, "warn"))
    assert f"{version.name} 1: nobody has vouched for its files." in caplog.text


def test_where_a_warning_is_enough_a_version_is_loaded_whose_manifest_cannot_be_read(
    registry: Registry, version: ModelVersion, manifests: Manifests, caplog: pytest.LogCaptureFixture
) -> None:
    manifests.vouch(version.name, version.version, {}).write_bytes(b"")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        load_model(registry, "mine", version, trust=Trust(manifests, "enforce"))
    load_model(registry, "mine", version, trust=Trust(manifests, "warn"))
    assert f"{version.name} 1: its manifest " in caplog.text
    assert "It is loaded all the same (STREAMAPP_TRUSTED_MODELS)." in caplog.text


def test_what_is_loaded_is_the_copy_that_was_checked(
    registry_uri: str, vouched: ModelVersion, manifests: Manifests, store: Store, marker: Path
) -> None:
    class Overtaken(Registry):
        def download(self, version: ModelVersion, folder: Path) -> Path:
            path = super().download(version, folder)
            store.plant(marker)
            return path

    registry = Overtaken(registry_uri, "champion")
    assert load_model(registry, "mine", vouched, trust=Trust(manifests, "enforce")).card.flavor == "lightgbm"
    assert not marker.exists()


def test_the_copy_is_in_a_folder_of_the_workers_own(
    registry_uri: str, vouched: ModelVersion, manifests: Manifests, temporary: Path
) -> None:
    seen: list[tuple[Path, int]] = []

    class Looking(Registry):
        def download(self, version: ModelVersion, folder: Path) -> Path:
            seen.append((folder.parent, folder.stat().st_mode & 0o777))
            return super().download(version, folder)

    load_model(Looking(registry_uri, "champion"), "mine", vouched, trust=Trust(manifests, "enforce"))
    assert seen == [(temporary, 0o700)]
    assert not list(temporary.glob("streamapp-*"))


def test_a_link_among_the_files_is_refused(tmp_path: Path) -> None:
    class Linking(Folder):
        def download(self, version: ModelVersion, folder: Path) -> Path:
            return Path(shutil.copytree(self._path, folder / "model", symlinks=True))

    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "MLmodel").write_text("flavors: {}\n")
    (theirs / "model.pkl").symlink_to("/etc/hostname")
    with pytest.raises(ModelLoadError, match=r"Theirs 3: 'model\.pkl' among its files is a link or a device"):
        load_model(Linking(theirs), "mine", ModelVersion("Theirs", "3", "run"))


def test_a_version_that_is_too_large_is_not_fetched(registry_uri: str, version: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"more than 100 bytes \(STREAMAPP_MAX_MODEL_BYTES\)"):
        Registry(registry_uri, "champion", max_bytes=100).download(version, tmp_path)
    assert not list(tmp_path.iterdir())


class Lister:
    """An artifact store that lists what it likes."""

    def __init__(self, *paths: str, is_dir: bool = False) -> None:
        self._paths = paths
        self._is_dir = is_dir

    def list_artifacts(self, path: str | None) -> list[FileInfo]:
        return [FileInfo(f"{path}/{one}" if path else one, self._is_dir, None) for one in self._paths]


@pytest.mark.parametrize(
    ("lister", "said"),
    [
        (Lister("../../root/.ssh/authorized_keys"), "leads out of its folder"),
        (Lister("/etc/cron.d/x"), "leads out of its folder"),
        (Lister("a/../../b"), "leads out of its folder"),
        (Lister("deeper", is_dir=True), "is too long"),
        (Lister("deeper", "and wider", is_dir=True), "is too long"),
        (Lister(*map(str, range(10_001))), "more than 10000 files"),
    ],
    ids=["upwards", "absolute", "by a detour", "deep", "deep and wide", "many"],
)
def test_paths_that_lead_elsewhere_and_folders_without_end_are_refused(
    monkeypatch: pytest.MonkeyPatch, lister: Lister, said: str
) -> None:
    monkeypatch.setattr(listing, "get_artifact_repository", lambda uri: lister)
    with pytest.raises(ModelLoadError, match=said):
        listing.require_reasonable("models:/theirs/1", 1e9)


@pytest.mark.parametrize(
    ("folder", "said", "mode"),
    [
        (None, "auto", "warn"),
        (None, "off", "off"),
        (Path("apart"), "auto", "enforce"),
        (Path("apart"), "enforce", "enforce"),
        (Path("apart"), "warn", "warn"),
    ],
)
def test_all_else_is_refused_where_a_folder_is_named_unless_a_warning_is_asked_for(
    folder: Path | None, said: Literal["auto", "enforce", "warn", "off"], mode: str
) -> None:
    assert trust_of(load_settings(model_manifests=folder, trusted_models=said)).mode == mode


def test_nothing_can_be_enforced_without_a_folder() -> None:
    with pytest.raises(SettingsError, match="model_manifests names no folder of manifests"):
        load_settings(trusted_models="enforce")


@pytest.mark.parametrize("name", ["../../escaped", "/absolute", "..", "Ünï cødé"])
def test_no_name_leads_out_of_the_folder_of_manifests(tmp_path: Path, name: str) -> None:
    manifests = Manifests(tmp_path / "manifests")
    path = manifests.vouch(name, "1", {})
    assert path.parent == tmp_path / "manifests"
    assert [path] == list(path.parent.iterdir())
    assert path.stat().st_mode & 0o777 == 0o644
    found = manifests.of(name, "1")
    assert isinstance(found, Manifest)
    assert (found.name, found.version, found.files) == (name, "1", {})


def test_a_manifest_that_is_anothers_or_none_trusts_nothing(tmp_path: Path) -> None:
    manifests = Manifests(tmp_path)
    manifests.vouch("Model", "1", {}).rename(tmp_path / "Model-2.json")
    (tmp_path / "Model-3.json").write_text('{"name": "Model"')
    assert manifests.of("Model", "1") is None
    for version, said in (("2", "is that of another version"), ("3", "cannot be read"), ("../1", "no version")):
        with pytest.raises(ModelLoadError, match=said):
            manifests.of("Model", version)


def test_a_folder_that_cannot_be_written_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file/Model-1\.json \(STREAMAPP_MODEL_MANIFESTS\) cannot be written"):
        Manifests(tmp_path / "file").vouch("Model", "1", {})


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file have more than sixteen bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_manifest_that_is_not_written_whole_is_not_there_at_all(tmp_path: Path) -> None:
    said = r"Model-1\.json \(STREAMAPP_MODEL_MANIFESTS\) cannot be written"
    with full_disk(), pytest.raises(SettingsError, match=said):
        Manifests(tmp_path / "manifests").vouch("Model", "1", {})
    assert list((tmp_path / "manifests").iterdir()) == []
