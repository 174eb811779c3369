"""The broker dies, is restarted, or freezes."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Final

from chaos import parts
from chaos.fault import Fault, NotPossible
from chaos.trial import Trial

_TIMES = 5
_FROZEN_FOR = 30.0
#: How a Java process that SIGTERM has reached ends.
_ENDED_IN_ORDER: Final = (0, 128 + signal.SIGTERM)


async def _five_times(trial: Trial, end: Callable[[], Awaitable[None]]) -> None:
    for _ in range(_TIMES):
        await asyncio.sleep(trial.random.uniform(0.5, 3.0))
        await end()
        await asyncio.sleep(trial.random.uniform(0.1, 1.0))
        await trial.broker.start()


async def _kill(trial: Trial) -> None:
    """SIGKILL it five times; each time it comes back with its data."""
    await _five_times(trial, trial.broker.kill)


async def _restart(trial: Trial) -> None:
    """SIGTERM it five times; each time it comes back with its data."""

    async def restart() -> None:
        await trial.broker.stop()
        code = trial.broker.child.process.returncode if trial.broker.child else None
        trial.expect(code in _ENDED_IN_ORDER, f"the broker ended with {code}, not in good order")

    await _five_times(trial, restart)


async def _freeze(trial: Trial) -> None:
    """SIGSTOP it for half a minute."""
    child = trial.broker.child
    if child is None:
        raise NotPossible("the broker is no process of this run")
    parts.pause(child)
    await asyncio.sleep(_FROZEN_FOR)
    parts.resume(child)


FAULTS = (
    Fault(6, "SIGKILL the broker five times", _kill, restarts_broker=True),
    Fault(7, "SIGTERM the broker five times", _restart, restarts_broker=True),
    Fault(8, "SIGSTOP the broker for 30 s", _freeze),
)
