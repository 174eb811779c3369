"""One of the worker processes: how it is started, and how it ended."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final, Self

from streamapp.supervisor.output import Output, lines_of


class Member:
    """A worker process, in a session and process group of its own: a signal to the supervisor's does not reach it.

    Args:
        name: What it is called.
        process: The process.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name: Final = name
        self._process = process

    @classmethod
    async def start(cls, name: str, arguments: Sequence[str], variables: Mapping[str, str], output: Output) -> Self:
        """Start a worker.

        Args:
            name: Its name, which its lines begin with.
            arguments: What is handed to `faust worker`.
            variables: Variables above those of this process.
            output: Where its standard output and error go.
        """
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "streamapp", "worker", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                env={**os.environ, **variables, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        finally:
            os.close(writing)
        output.add(name, lines_of(reading))
        return cls(name, process)

    @property
    def group(self) -> int:
        """Id of the process, and of its process group."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end; returns its exit code as a shell has it, 128 and the signal for one that was killed."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def drain(self) -> None:
        """Tell it to finish what it has begun, and to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End what is left of its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)
