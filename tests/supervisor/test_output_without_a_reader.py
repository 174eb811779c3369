"""A supervisor whose standard output takes no more, or has lost its reader: what else it does goes on."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from waiting import eventually

from streamapp.embedded.processes import free_port

AWAY = {"STREAMAPP_BROKER": "127.0.0.1:1", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}


@contextlib.contextmanager
def full() -> Iterator[int]:
    """The end of a pipe that nobody reads and that takes no more."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb"):
        os.write(writing, bytes(fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ)))
        yield writing


@contextlib.contextmanager
def gone() -> Iterator[int]:
    """The end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb"):
        yield writing


@contextlib.contextmanager
def supervisor(output: int, port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of two workers, ended with the block."""
    variables = {**os.environ, **AWAY, "STREAMAPP_WORKER_WEB_PORT": str(port), **environment}
    command = (sys.executable, "-m", "streamapp", "worker", "--processes", "2")
    with subprocess.Popen(command, env=variables, stdout=output, stderr=output) as process:
        try:
            yield process
        finally:
            process.kill()


async def both(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Wait for the two workers, and return them."""
    await eventually(lambda: len(workers(process.pid)), expected=2)
    return workers(process.pid)


def workers(supervisor: int) -> list[psutil.Process]:
    """The worker processes; not the reaper."""
    children = psutil.Process(supervisor).children()
    return [child for child in children if "streamapp.embedded.reaper" not in child.cmdline()]


async def code(process: subprocess.Popen[bytes], patience: float) -> int:
    """The exit code of a process that ends within `patience` seconds."""
    return await asyncio.to_thread(process.wait, patience)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("pipe", [full, gone])
async def test_the_page_answers_and_sigterm_ends_all_with_their_exit_code(
    pipe: Callable[[], contextlib.AbstractContextManager[int]], unbuffered: str
) -> None:
    port = free_port()
    with pipe() as output, supervisor(output, port, PYTHONUNBUFFERED=unbuffered) as process:
        await both(process)
        async with httpx.AsyncClient(trust_env=False) as client:
            live = await client.get(f"http://127.0.0.1:{port}/livez")
        assert set(live.json()["processes"]) == {"worker-1", "worker-2"}
        process.terminate()
        assert await code(process, patience=10) == 0


async def test_a_process_that_does_not_end_is_killed_where_the_output_takes_no_more() -> None:
    with full() as output, supervisor(output, free_port(), STREAMAPP_SHUTDOWN_TIMEOUT="30") as process:
        frozen, drains = await both(process)
        frozen.suspend()
        await eventually(frozen.status, expected=psutil.STATUS_STOPPED)  # until then a SIGTERM still ends it
        process.terminate()
        await eventually(drains.is_running, expected=False)
        process.terminate()
        assert await code(process, patience=10) == 128 + signal.SIGKILL
