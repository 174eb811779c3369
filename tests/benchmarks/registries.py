"""MLflow servers with the models that are measured, and a model's plain files."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, Program, free_port

#: Name of the LightGBM model that `streamapp train employees` makes.
LIGHTGBM: Final = "LightGBM_Classifier"
_PATIENCE: Final = 300.0


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

    What a run before this one trained into the folder is taken as it is.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await processes.run(services.mlflow(port, folder))
    for name in use_cases:
        if not (folder / f"{name}.trained").exists():
            argv = (sys.executable, "-m", "streamapp", "train", name)
            await finish(processes, Program(f"train-{name}", argv, env={"MLFLOW_TRACKING_URI": url}))
            (folder / f"{name}.trained").touch()
    return url


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
