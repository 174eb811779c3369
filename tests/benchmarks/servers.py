"""Servers under test: started for a section, and ended with it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from unique import environment

from benchmarks.bench import Bench
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child, Program, answering, listening


@asynccontextmanager
async def running(bench: Bench, program: Program) -> AsyncIterator[Child]:
    """Run a program while the block runs, from when it serves."""
    child = await bench.processes.run(program)
    try:
        yield child
    finally:
        await bench.processes.stop(child)


def edge(settings: Settings) -> Program:
    """Return the edge as a program; it serves once it knows a model."""
    ready = answering(f"http://127.0.0.1:{settings.api_port}/readyz")
    return Program("edge", (sys.executable, "-m", "api"), ready, environment(settings))


def bare(endpoint: str, port: int, **options: str) -> Program:
    """Return a bare endpoint as a program; see `bare.py`."""
    script = str(Path(__file__).with_name("bare.py"))
    given = [f"--{name}={value}" for name, value in options.items()]
    return Program(f"bare-{endpoint}", (sys.executable, script, endpoint, f"--port={port}", *given), listening(port))
