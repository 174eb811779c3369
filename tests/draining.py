"""How long a part takes to end at most once it is told to: what terminationGracePeriodSeconds in deploy/ rests on."""

import time
from typing import Final, Literal

from streamapp.embedded.processes import Child

Part = Literal["edge", "worker", "sinks"]
#: Seconds beyond `STREAMAPP_SHUTDOWN_TIMEOUT`: to leave a group, to close connections, to end an interpreter.
_CLOSING: Final = {"edge": 5.0, "worker": 10.0, "sinks": 5.0}


def longest(part: Part, shutdown_timeout: float) -> float:
    """Return the seconds; the edge has requests first, then its clients.

    Tests hold all three to them where the broker hangs, or what else may.
    """
    return (2 if part == "edge" else 1) * shutdown_timeout + _CLOSING[part]


async def seconds_to_end(child: Child) -> float:
    """Tell a process to end, and return how long it took."""
    told = time.monotonic()
    child.process.terminate()
    await child.wait(60)
    return time.monotonic() - told
