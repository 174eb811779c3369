"""Calls that block for as long as a server likes, off the event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from streamapp.contracts.errors import ModelLoadError

T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises; it is made in a daemon thread of its own.

    Raises:
        ModelLoadError: It raised what is no `Exception`, such as `SystemExit`: raised by a model's code, it concerns
            the model and not the process.
        Exception: Whatever else it raised.

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
        except Exception as exc:  # noqa: BLE001  # whoever waits decides
            settle(partial(answer.set_exception, exc))
        except BaseException as exc:  # noqa: BLE001  # as above
            settle(partial(answer.set_exception, ModelLoadError(f"It raised {type(exc).__name__}.")))
        else:
            settle(partial(answer.set_result, result))

    threading.Thread(target=run, name="blocking", daemon=True).start()
    return await answer
