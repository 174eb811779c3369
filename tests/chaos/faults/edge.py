"""The edge dies with requests in flight."""

import asyncio
from typing import Final

from chaos.fault import Fault
from chaos.ledger import Fate
from chaos.proxy import Weather
from chaos.trial import Trial

#: Requests wait so long for the broker that there are always some in flight, and not so long that they are refused.
_HELD_BACK: Final = Weather(latency=(0.2, 0.3))


async def _kill(trial: Trial) -> None:
    """SIGKILL the edge while the broker's answers are held back, and start it again."""
    mark = len(trial.traffic.ledger)
    with trial.proxy.weather(_HELD_BACK, "edge"):
        await asyncio.sleep(trial.random.uniform(1.0, 2.0))
        trial.parts.kill(trial.parts.edge)
    trial.parts.start_edge()
    await trial.parts.ready()
    unknown = [s for s in trial.traffic.ledger[mark:] if s.fate is Fate.UNKNOWN and s.answer]
    trial.expect([s for s in unknown if not s.answer.isdigit()], "no request was in flight when the edge died")


FAULTS = (Fault(5, "SIGKILL the edge with requests in flight", _kill, silences_edge=True, repeats=False),)
