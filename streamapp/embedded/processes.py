"""Child processes that never outlive their parent, each with a log file and a readiness check."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Final, Self

import msgspec

from streamapp.contracts.errors import ProcessFailed
from streamapp.embedded.reaping import Reaper

if TYPE_CHECKING:
    import httpx

_POLL: Final = 0.05
_LOG_TAIL: Final = 15

#: Says whether a process answers already.
Ready = Callable[[], Awaitable[bool]]


class Program(msgspec.Struct, frozen=True):
    """A program to start.

    Attributes:
        name: Short name; its log is `NAME.log`.
        argv: Command line.
        ready: Returns True once it serves; None where being started is enough.
        env: Variables above those of this process.
        patience: Seconds until a program that is not ready counts as failed.
        cwd: Folder that it runs in; None: this process's own.
    """

    name: str
    argv: tuple[str, ...]
    ready: Ready | None = None
    env: Mapping[str, str] = {}
    patience: float = 60.0
    cwd: Path | None = None


class Child:
    """A program that runs, in a session and process group of its own."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self._log_file: IO[bytes] = log.open("ab")
        self.process = subprocess.Popen(  # noqa: S603  # programs of our own making
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **program.env},
            cwd=program.cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Process id, which is its process group's id too."""
        return self.process.pid

    async def wait_ready(self) -> None:
        """Wait until the program serves.

        Raises:
            ProcessFailed: It ended, or was not ready in time; the message carries the end of its log.
        """
        deadline = time.monotonic() + self.program.patience
        while self.program.ready is not None and not await self.program.ready():
            if self.process.poll() is not None:
                raise ProcessFailed(f"{self.program.name} ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{self.program.name} was not ready after {self.program.patience:g} s:\n{self.log_tail()}"
                )
            await asyncio.sleep(_POLL)

    async def wait(self, timeout: float) -> int | None:
        """Return the exit code, or None where the program still runs after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(_POLL)
        return self.process.poll()

    async def stop(self, timeout: float = 10.0, number: int = signal.SIGTERM) -> int | None:
        """End the program and all that it started: the signal first, SIGKILL after `timeout` seconds."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.process.send_signal(number)
            os.killpg(self.pid, signal.SIGCONT)  # one that is halted would not hear it
        await self.wait(timeout)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._log_file.close()
        return await self.wait(timeout)

    def log_tail(self, without: str | None = None) -> str:
        """Return the last lines of the log, passing over those with the text `without`."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if without is None or without not in line][-_LOG_TAIL:])


class Processes:
    """Starts programs, and ends them all at the same time when the block is left, whatever ends it.

    A reaper process ends those that this process cannot: all after its own SIGKILL, and one whose end failed.

    Args:
        logs: Folder for the logs; made where it is missing.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.children: list[Child] = []
        self._reaper: Reaper | None = None

    async def __aenter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._reaper = Reaper()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await asyncio.gather(*(self.stop(child) for child in self.children), return_exceptions=True)
        finally:
            if self._reaper is not None:
                self._reaper.close()

    def start(self, program: Program) -> Child:
        """Start a program; it may not be ready yet."""
        child = Child(program, self.logs / f"{program.name}.log")
        self.children.append(child)
        if self._reaper is not None:
            self._reaper.add(child.pid)
        return child

    async def run(self, program: Program) -> Child:
        """Start a program and wait until it serves.

        Raises:
            ProcessFailed: It did not come up.
        """
        child = self.start(program)
        await child.wait_ready()
        return child

    async def stop(self, child: Child, timeout: float = 10.0, number: int = signal.SIGTERM) -> int | None:
        """End one program; returns its exit code."""
        code = await child.stop(timeout, number)
        self.children.remove(child)
        if self._reaper is not None:
            self._reaper.discard(child.pid)
        return code


def free_port() -> int:
    """Return a TCP port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_port_like(port: int) -> int:
    """Return a TCP port on loopback that nothing listens on: the one given where that is free."""
    try:
        require_port(port, "", "")
    except ProcessFailed:
        return free_port()
    return port


def require_port(port: int, what: str, option: str) -> None:
    """Check that a port is free.

    Raises:
        ProcessFailed: It is taken; the message names the option that changes it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            raise ProcessFailed(
                f"Port {port} for {what} is taken ({exc.strerror}). End what listens there, or choose another "
                f"port with {option}."
            ) from exc


def listening(port: int) -> Ready:
    """Return a check that a TCP connection to a loopback port succeeds."""

    async def check() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    return check


def answering(url: str) -> Ready:
    """Return a check that a GET of `url` answers with a 2xx."""

    async def check() -> bool:
        import httpx

        try:
            return (await _client().get(url)).is_success
        except httpx.HTTPError:
            return False

    return check


@cache
def _client() -> "httpx.AsyncClient":
    """Return the client of all checks: each new one loads the CA certificates, 45 ms that the programs need.

    It keeps no connection open, so that nothing is left to be closed.
    """
    import httpx

    return httpx.AsyncClient(timeout=2.0, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
