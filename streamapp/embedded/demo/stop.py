"""When the demo is to end: a signal, a second one, or the process that it watches has gone."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import psutil

_POLL: Final = 0.3


class Interrupted(Exception):
    """The demo was told to end at once, or before its traffic began."""


class Stop:
    """Requests to end.

    Attributes:
        asked: Set by the first SIGINT, SIGTERM or SIGHUP: end in good order.
        forced: Set by the second: end at once.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()

    def listen(self) -> None:
        """Take the signals over, in the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        (self.forced if self.asked.is_set() else self.asked).set()


async def interrupt_without(pid: int) -> None:
    """Wait until a process has gone.

    Raises:
        Interrupted: It has.
    """
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(_POLL)
    raise Interrupted


async def interrupt_on(event: asyncio.Event) -> None:
    """Wait for the event.

    Raises:
        Interrupted: It is set.
    """
    await event.wait()
    raise Interrupted


@asynccontextmanager
async def alongside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines beside the block, and cancel them when it ends.

    The first of them that fails cancels the block, and its error is raised in the block's place.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
