"""MLflow servers with the models that are measured, and a model's plain files."""

import hashlib
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.bench import Bench
from benchmarks.traffic import ALIAS
from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, Program, free_port

#: Name of the LightGBM model that `streamapp train employees` makes.
LIGHTGBM: Final = "LightGBM_Classifier"
#: All models that are trained for a run, by the aliases of `Settings`.
MODELS: Final[Mapping[str, str]] = MappingProxyType(
    {"lightgbm": LIGHTGBM, "svm": "SVC", "knn": "Knn_Classifier", "marketplace": "AutoGluon_Marketplace"}
)
#: What a course with that one model serves.
ONE: Final[Mapping[str, str]] = MappingProxyType({ALIAS: LIGHTGBM})
_PATIENCE: Final = 300.0
_ROOT: Final = Path(__file__).parents[2]
#: What models are made from.
_SOURCES: Final = (
    "requirements.lock",
    "tests/benchmarks/wide.py",
    "tests/benchmarks/traffic.py",
    *(f"{folder}/**/*.{suffix}" for folder in ("data", "models", "producer") for suffix in ("py", "json", "csv")),
)


async def finish(processes: Processes, program: Program, patience: float = _PATIENCE) -> None:
    """Run a program to its end.

    Raises:
        ProcessFailed: It failed, or took too long; the message has the end of its log.
    """
    child = processes.start(program)
    code = await child.wait(patience)
    tail = child.log_tail()
    await processes.stop(child)
    if code != 0:
        raise ProcessFailed(f"{program.name} ended with {code}:\n{tail}")


async def python(processes: Processes, module: str, *arguments: str) -> None:
    """Run a module of ours to its end; see `finish`."""
    env = {"PYTHONPATH": str(Path(__file__).parents[1])}
    await finish(processes, Program(module, (sys.executable, "-m", module, *arguments), env=env))


async def registry(processes: Processes, folder: Path, *use_cases: str) -> str:
    """Start an MLflow server and have it hold the models of these use cases; returns its URL.

    What a run before this one trained into the folder is taken where it was trained by the same code.
    """
    clear_unless_current(folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await processes.run(services.mlflow(port, folder))
    for name in use_cases:
        if not (folder / f"{name}.trained").exists():
            argv = (sys.executable, "-m", "streamapp", "train", name)
            await finish(processes, Program(f"train-{name}", argv, env={"MLFLOW_TRACKING_URI": url}))
            (folder / f"{name}.trained").touch()
    return url


def clear_unless_current(folder: Path) -> None:
    """Remove what other code than today's has trained."""
    stamp = folder / "source.sha256"
    if not stamp.exists() or stamp.read_text() != source():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        stamp.write_text(source())


@cache
def source() -> str:
    """Return a digest of all that models are made from."""
    files = [path for pattern in _SOURCES for path in _ROOT.glob(pattern)]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(_ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def wide_name(columns: int) -> str:
    """Return the name in the registry of the LightGBM model with so many columns."""
    return f"LightGBM_{columns}"


async def wide(bench: Bench, *columns: int) -> str:
    """Start an MLflow server with LightGBM models of so many columns; returns its URL."""
    folder = bench.kept / "wide"
    url = await registry(bench.processes, folder)
    stamp = folder / f"{'-'.join(map(str, columns))}.trained"
    if not stamp.exists():
        bench.say("Training LightGBM models with more columns")
        await python(bench.processes, "benchmarks.wide", url, *map(str, columns))
        stamp.touch()
    return url


async def exported(bench: Bench, url: str, name: str) -> Path:
    """Return the folder with a LightGBM model's plain files; see `export`."""
    folder = bench.folder / "models" / name
    if not folder.exists():
        await python(bench.processes, "benchmarks.export", url, name, str(folder))
    return folder
