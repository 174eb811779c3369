"""Calls that block for as long as a server likes, off the event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises; it is made in a daemon thread of its own.

    `asyncio.to_thread` has few threads for all, and the interpreter waits for them at its end: calls that hang would
    use them up and keep the process alive. Cancelled, this leaves the call behind.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(set_answer: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if answer.done() else set_answer())

    def run() -> None:
        try:
            result = call()
        except BaseException as exc:  # noqa: BLE001  # whoever waits decides
            settle(lambda exc=exc: answer.set_exception(exc))  # type: ignore[misc]  # the name goes with the block
        else:
            settle(lambda: answer.set_result(result))

    threading.Thread(target=run, name="blocking", daemon=True).start()
    return await answer
