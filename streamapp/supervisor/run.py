"""The supervisor: starts the worker processes, waits for a reason to end, ends them all."""

import asyncio
import contextlib
import logging
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from streamapp import logs
from streamapp.clients.listening import address
from streamapp.contracts.settings import Settings, variable
from streamapp.embedded.reaping import Reaper
from streamapp.supervisor.cores import threads
from streamapp.supervisor.idle import warn_of_idle
from streamapp.supervisor.member import Member
from streamapp.supervisor.output import Output, logged
from streamapp.supervisor.page import Page

_log = logging.getLogger(__name__)
#: Seconds above `STREAMAPP_SHUTDOWN_TIMEOUT` until a process that was told to end is killed: once it has finished
#: what it had begun, it leaves its group and closes its connections. Before that it ends by itself, where it can.
_GRACE: Final = 10.0
#: Exit code of a process that was told to end while it was still being loaded.
_TERMINATED: Final = 128 + signal.SIGTERM


class Told:
    """What signals have told: the first SIGTERM or SIGINT to end, the second to end at once."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.kill = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._signal)

    def _signal(self) -> None:
        if self.stop.is_set():
            self.kill.set()
        else:
            self.stop.set()
            _log.info("Told to end: each process finishes what it has begun; told again, it is killed")


async def supervise(settings: Settings, count: int, arguments: Sequence[str]) -> int:
    """Run worker processes until a signal tells to end, or one of them ends unasked; the others then end with it.

    Those that are told to end finish what they have begun, commit it and leave their group, for which they have
    `STREAMAPP_SHUTDOWN_TIMEOUT` and a grace of 10 s. None outlives this process, even its SIGKILL.

    Args:
        settings: The settings in force.
        count: How many processes.
        arguments: What is handed to each `faust worker`.

    Returns:
        The exit code. Where all ended as they were told it is 0; where one had to be killed, 137; where one ended
        unasked, that one's, or 1 if it was 0.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the processes tell of the broker
    # The processes write to a pipe, and all lines are to be of one kind.
    settings = settings.model_copy(update={"log_format": "json" if logs.is_json(settings, sys.stdout) else "console"})
    lines = logs.formatter(settings, sys.stdout)
    with (
        Output(sys.stdout.fileno(), named=settings.log_format != "json") as output,
        logged(output, "supervisor", lines, settings.log_level.upper()),
    ):
        return await _run(settings, count, arguments, output)


async def _run(settings: Settings, count: int, arguments: Sequence[str], output: Output) -> int:
    told = Told()
    members: list[Member] = []
    with tempfile.TemporaryDirectory(prefix="streamapp-") as folder, Reaper() as reaper:
        sockets = {f"worker-{number}": Path(folder, str(number)) for number in range(1, count + 1)}
        try:
            async with _served(settings, sockets, arguments) as port:
                page = f"http://{address(settings.worker_web_host, port)}/readyz"
                _log.info("Starting %d worker processes; their page is %s", count, page)
                variables = {
                    variable("worker_processes"): "1",
                    variable("log_format"): settings.log_format,
                    **threads(count),
                }
                for name, socket in sockets.items():
                    members.append(await Member.start(name, (*arguments, *_page(socket, port)), variables, output))
                    reaper.add(members[-1].group)
                return await _watch(settings, members, told)
        finally:
            for member in members:
                member.kill()
                reaper.discard(member.group)


def _served(
    settings: Settings, sockets: Mapping[str, Path], arguments: Sequence[str]
) -> contextlib.AbstractAsyncContextManager[int]:
    host, port = settings.worker_web_host, settings.worker_web_port
    return contextlib.nullcontext(port) if "--without-web" in arguments else Page(sockets).served(host, port)


def _page(socket: Path, port: int) -> tuple[str, ...]:
    """Return the arguments that have a worker serve its page at a socket, and name the page of all as its own."""
    return ("--web-transport", f"unix://{socket}", "--web-host", "127.0.0.1", "--web-port", str(port))


async def _watch(settings: Settings, members: Sequence[Member], told: Told) -> int:
    ends = {asyncio.create_task(member.ended()): member for member in members}
    stop = asyncio.create_task(told.stop.wait())
    idle = asyncio.create_task(warn_of_idle(settings, len(members)))
    await asyncio.wait({*ends, stop}, return_when=asyncio.FIRST_COMPLETED)
    idle.cancel()
    stop.cancel()
    unasked = [] if told.stop.is_set() else [end.result() for end in ends if end.done()]
    for end, member in ends.items():
        if unasked and end.done():
            _log.error("%s ended with exit code %d: the others end with it", member.name, end.result())
    codes = await _end(ends, told.kill, settings.shutdown_timeout + _GRACE)
    return (max(unasked) or 1) if unasked else max(0 if code == _TERMINATED else code for code in codes)


async def _end(ends: dict[asyncio.Task[int], Member], kill: asyncio.Event, patience: float) -> list[int]:
    """Tell all to end, and kill those that are left after `patience` seconds or once `kill` is set.

    Returns:
        Their exit codes.
    """
    for member in ends.values():
        member.drain()
    killed = asyncio.create_task(kill.wait())
    all_ended = asyncio.gather(*ends)
    either: set[asyncio.Future[Any]] = {all_ended, killed}
    await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
    killed.cancel()
    for end, member in ends.items():
        if not end.done():
            _log.warning(
                "%s has not ended: it is killed, and leaves what it had begun to the next start", member.name
            )
            member.kill()
    return await all_ended
