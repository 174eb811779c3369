"""Waiting for what other processes and tasks do."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def eventually(look: Callable[[], Any], what: str = "", *, expected: Any = True, timeout: float = 30.0) -> None:
    """Wait until `look()`, which may be a coroutine function, returns what is expected; fail at the deadline."""
    deadline = time.monotonic() + timeout
    while (seen := await _result(look)) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert seen == expected, f"not within {timeout:g} s: {what}"


def until(look: Callable[[], Any], what: str = "", *, expected: Any = True, timeout: float = 30.0) -> None:
    """Wait as `eventually` does, in a test that has no event loop."""
    asyncio.run(eventually(look, what, expected=expected, timeout=timeout))


async def _result(look: Callable[[], Any]) -> Any:
    seen = look()
    return await seen if inspect.isawaitable(seen) else seen
