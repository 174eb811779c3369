"""One of the worker processes: how it is started, where its output goes, and how it ended."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Final, Self

#: Bytes of output that are passed on at once where no line ends.
_LONGEST_LINE: Final = 1 << 16


class Member:
    """A worker process, in a session and process group of its own: a signal to the supervisor's does not reach it.

    Args:
        name: What its lines begin with.
        process: The process.
        output: The end of its standard output and error that is to be read.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, output: int) -> None:
        self.name: Final = name
        self._process = process
        # A thread of its own, so that a terminal or a pipe that takes no more holds up nothing but the lines.
        self._relay = threading.Thread(target=_relay, args=(output, f"{name}: ".encode()), name=name, daemon=True)
        self._relay.start()

    @classmethod
    async def start(cls, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> Self:
        """Start a worker.

        Args:
            name: Its name.
            arguments: What is handed to `faust worker`.
            variables: Variables above those of this process.
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
        return cls(name, process, reading)

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

    def close(self, patience: float = 1.0) -> None:
        """Wait until its last lines are out, for which nobody may be there any more."""
        self._relay.join(patience)


def _relay(output: int, prefix: bytes) -> None:
    """Pass lines on as they come, each whole and with its sender's name; without a reader they are dropped."""
    with open(output, "rb") as source:
        while line := source.readline(_LONGEST_LINE):
            with contextlib.suppress(OSError):
                _write(prefix + line.rstrip(b"\n") + b"\n", sys.stdout.buffer)


def _write(line: bytes, stream: IO[bytes]) -> None:
    stream.write(line)  # whole, whoever else writes: Python's buffered streams are safe to share between threads
    stream.flush()
