"""The clocks of edge and worker jump, and a client asks for the same again and again."""

import asyncio
import time
from pathlib import Path
from typing import Final

from chaos import oracles, parts
from chaos.fault import Fault, NotPossible
from chaos.ledger import Run
from chaos.trial import Trial

#: Library that moves the clock of one process, from Debian's package `libfaketime`.
_LIBRARY: Final = "libfaketimeMT.so.1"
_PLACES: Final = Path("/usr/lib"), Path("/usr/local/lib")
_HOUR: Final = 3600.0
_JUMPS: Final = "+1h", "+0", "-1h", "+0"
_JUMP_EVERY: Final = 4.0
_CLIENTS: Final = 5
_TIMES: Final = 5


async def _jump(trial: Trial) -> None:
    """Set the clocks of edge and worker an hour ahead, right, an hour back, and right.

    Meanwhile clients ask for the same row again and again: over HTTP each time is a request with an id of its own;
    those who write to the topic send one id again and again, and each record has an outcome.
    """
    clock = trial.folder / "clock"
    clock.write_text("+0")
    await _restart(trial, _behind(clock))
    mark = len(trial.traffic.ledger)
    for jump in _JUMPS:
        clock.write_text(jump)
        clients = (ask(_TIMES) for ask in (trial.traffic.insist, trial.traffic.insist_on_topic) * _CLIENTS)
        await asyncio.gather(asyncio.sleep(_JUMP_EVERY), *clients)
        # The next jump waits until this one has met what was sent meanwhile, however slow the machine is.
        left = await trial.observer.caught_up(oracles.HEALING_LIMIT)
        trial.expect(not left, f"records were left with clocks at {jump}")
    await _moved(trial)
    for wrong in oracles.answering(Run(trial.traffic.ledger[mark:], (), exactly_once=True)):
        trial.expect(holds=False, what=wrong)


async def _moved(trial: Trial) -> None:
    """The records of edge and worker have to show that their clocks were wrong."""
    now = time.time()
    for topic in (trial.settings.input_topic, trial.settings.predictions_topic):
        off = [stamp - now for stamp in await trial.observer.stamps(topic)]
        trial.expect(max(off) > _HOUR / 2, f"no clock of those who write to {topic} was ahead")
        trial.expect(min(off) < -_HOUR / 2, f"no clock of those who write to {topic} was behind")


async def _restart(trial: Trial, environment: dict[str, str]) -> None:
    await trial.parts.terminate(trial.parts.workers[0], timeout=trial.settings.shutdown_timeout + 10.0)
    await trial.parts.terminate(trial.parts.edge)
    worker = trial.parts.start_worker(**environment)
    trial.parts.start_edge(**environment)
    await trial.parts.ready()
    await parts.ready(worker)


def _behind(clock: Path) -> dict[str, str]:
    """Return the variables with which a process reads how far its clock is off from a file, once a second.

    Raises:
        NotPossible: The library is not here.
    """
    found = next((path for place in _PLACES for path in place.rglob(f"faketime/{_LIBRARY}")), None)
    if found is None:
        raise NotPossible(f"{_LIBRARY} is not installed (Debian: apt-get install libfaketime)")
    # As on a machine whose clock is set: what is measured with the monotonic clock goes on undisturbed.
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


FAULTS = (
    Fault(20, "clocks jump by an hour; a client that retries five times", _jump, silences_edge=True, repeats=False),
)
