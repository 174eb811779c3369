"""A model without a broker, in a process of its own: see `plain`, which is that process."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.bench import Bench
from benchmarks.pinning import pin
from benchmarks.race import ALONE
from streamapp.contracts.errors import ProcessFailed

#: Loading a model with its libraries takes seconds.
_PATIENCE: Final = 120.0
#: A line of answers to all distinct requests.
_LONGEST: Final = 2**24


class Round(msgspec.Struct, frozen=True):
    """How fast a model is without a broker, in rows a second.

    Attributes:
        alone: The library's quickest call for labels and probabilities; AutoGluon's `predict` for labels.
        twice: The library's `predict` and `predict_proba`, one after the other.
        ours: Our model's `predict`, for both.
        memory: Our decoding, predicting and encoding.
    """

    alone: float
    twice: float
    ours: float
    memory: float


#: Labels and probabilities of the rows of a request.
Answer = tuple[list[Any], list[list[float]]]
#: Measures with so many rows at a time.
Measure = Callable[[int], Awaitable[Round]]


@asynccontextmanager
async def running(bench: Bench, alias: str) -> AsyncIterator[Measure]:
    """Have a model of the registry loaded while the block runs, on the processor of the contenders.

    What it answers to the distinct requests is then known to `answers`.

    Raises:
        ProcessFailed: It has ended; the message has the end of its log.
    """
    command = (sys.executable, "-m", "benchmarks.plain", bench.registry, alias)
    pipe, tests = asyncio.subprocess.PIPE, str(Path(__file__).parents[1])
    said = bench.folder / f"plain-{alias}.log"
    with said.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=log, limit=_LONGEST, env={**os.environ, "PYTHONPATH": tests}
        )
    # At once: OpenMP has as many threads as there are processors in sight when it is loaded.
    pin(child.pid, ALONE)
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout

    async def line() -> bytes:
        async with asyncio.timeout(_PATIENCE):
            found = await stdout.readline()
        if not found:
            raise ProcessFailed(f"{alias} alone has ended:\n{said.read_text()[-2000:]}")
        return found

    async def measure(rows: int) -> Round:
        stdin.write(b"%d\n" % rows)
        return msgspec.json.decode(await line(), type=Round)

    try:
        _answered(bench, alias).write_bytes(await line())
        yield measure
    finally:
        stdin.close()  # its end
        await child.wait()


async def answers(bench: Bench, alias: str) -> Sequence[Answer]:
    """Return what a model's library answers to each of the distinct requests."""
    found = _answered(bench, alias)
    if not found.exists():
        async with running(bench, alias):
            pass
    return msgspec.json.decode(found.read_bytes(), type=list[Answer])


def _answered(bench: Bench, alias: str) -> Path:
    return bench.folder / f"answers-{alias}.json"
