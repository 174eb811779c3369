"""Starts what all sections share, and runs them one after the other."""

import asyncio
import contextlib
import importlib
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, get_args

from benchmarks import brokers, venvs
from benchmarks.bench import Bench, Broker, Measure, Section
from benchmarks.registries import registry
from streamapp.embedded.processes import Processes

#: The sections: each is the module of that name, in this order.
SECTIONS: Final = ("throughput", "backlog", "latency", "processes", "alone", "mix", "edge", "predict", "ndjson")
#: Those that run only where they are asked for by name.
ASKED: Final = ("metering",)
#: Those of a quick run.
QUICK: Final = ("throughput", "latency", "edge", "predict", "ndjson")


class Options(NamedTuple):
    """What is to be run.

    Attributes:
        only: Names of sections.
        rounds: How often each thing is measured.
        quick: Whether the run must be short.
        registry: URL of an MLflow server that has the models; None: one is started, and models are trained.
        folder: Scratch folder.
        kept: Folder for what the next run can use again: models, virtual environments.
    """

    only: Sequence[str]
    rounds: int
    quick: bool
    registry: str | None
    folder: Path
    kept: Path


class Ran(NamedTuple):
    """What became of a section.

    Attributes:
        name: Its name.
        section: What it found; None where it failed.
        failure: Why it failed.
    """

    name: str
    section: Section | None
    failure: str = ""


async def run(options: Options, say: Callable[[str], None], keep: Callable[[list[Ran]], None]) -> list[Ran]:
    """Run the sections; one that fails does not end the others.

    Args:
        options: What is to be run.
        say: Tells a person what is going on.
        keep: Is told after each section what there is so far, so that a run that is ended has it.
    """
    ran: list[Ran] = []
    async with Processes(options.folder / "logs") as processes, _bench(options, processes, say) as bench:
        for name in options.only:
            ran.append(await _section(name, bench))
            keep(ran)
    return ran


async def _section(name: str, bench: Bench) -> Ran:
    bench.say(f"[bold]{name}")
    before = list(bench.processes.children)
    try:
        measure: Measure = importlib.import_module(f"benchmarks.{name}").measure
        return Ran(name, await measure(bench))
    except Exception as exc:  # noqa: BLE001  # whatever it is, the other sections are still worth something
        bench.say(f"[red]{name} failed: {exc!r}")
        return Ran(name, None, "".join(traceback.format_exception(exc)))
    finally:
        left = [child for child in bench.processes.children if child not in before]
        await asyncio.gather(*(bench.processes.stop(child) for child in left))


@contextlib.asynccontextmanager
async def _bench(options: Options, processes: Processes, say: Callable[[str], None]) -> AsyncIterator[Bench]:
    say("Starting the brokers and MLflow; training the models where no run of this code has")
    async with asyncio.TaskGroup() as group:
        url = group.create_task(_registry(options, processes))
        started = {
            kind: group.create_task(brokers.start(kind, processes, options.folder)) for kind in get_args(Broker)
        }
    addresses: dict[Broker, str] = {kind: address.result() for kind, address in started.items()}

    async def peers(name: str) -> Path:
        return await venvs.python(processes, options.kept / "peers", name)

    yield Bench(
        processes=processes,
        folder=options.folder,
        registry=url.result(),
        brokers=addresses,
        peers=peers,
        rounds=options.rounds,
        quick=options.quick,
        say=say,
        kept=options.kept / "bench",
    )


async def _registry(options: Options, processes: Processes) -> str:
    """Return the URL of an MLflow server with the models."""
    if options.registry is not None:
        return options.registry
    return await registry(processes, options.kept / "bench" / "mlflow", "employees", "marketplace")
