"""Redis dies and comes back empty, then freezes. Predictions do not wait for it."""

import asyncio

from chaos import parts
from chaos.fault import Fault
from chaos.trial import Trial

_AWAY_FOR = 3.0
_FROZEN_FOR = 5.0


async def _kill_then_freeze(trial: Trial) -> None:
    """SIGKILL Redis and start it empty; SIGSTOP it, and let it go on."""
    trial.parts.kill(trial.parts.redis)
    await _goes_on(trial, _AWAY_FOR, "dead")
    trial.parts.start_redis()
    await asyncio.sleep(trial.random.uniform(1.0, 3.0))
    parts.pause(trial.parts.redis)
    await _goes_on(trial, _FROZEN_FOR, "frozen")
    parts.resume(trial.parts.redis)


async def _goes_on(trial: Trial, seconds: float, how: str) -> None:
    before = await trial.observer.committed()
    await asyncio.sleep(seconds)
    trial.expect(await trial.observer.committed() > before, f"predictions stood still while Redis was {how}")


FAULTS = (Fault(14, "SIGKILL, then SIGSTOP Redis", _kill_then_freeze, repeats=False),)
