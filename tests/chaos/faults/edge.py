"""The edge dies with requests in flight."""

import asyncio

from chaos import parts
from chaos.fault import Fault
from chaos.trial import Trial


async def _kill(trial: Trial) -> None:
    """SIGKILL the edge, and start it again."""
    await asyncio.sleep(trial.random.uniform(0.5, 2.0))
    parts.kill(trial.parts.edge)
    trial.parts.start_edge()
    await trial.parts.ready()


FAULTS = (Fault(5, "SIGKILL the edge with requests in flight", _kill, silences_edge=True, repeats=False),)
