"""The scoring worker dies, is told to end, freezes, or comes and goes."""

import asyncio
import random
import signal
from functools import partial

from chaos import parts
from chaos.doomed import BEFORE_COMMIT, BEFORE_PRODUCE
from chaos.fault import Fault
from chaos.trial import Trial

#: Deliveries after which a doomed worker dies, drawn between the two.
_FIRST, _LAST = 5, 30
#: How often the storm kills a worker, and the seconds between.
_BLOWS = 6
#: Workers that are ready beside the first before it begins: those that it adds take longer to be than it lasts.
_SPARES = 3
_BLOW_EVERY = 3.0


def _doomed(point: str, chance: random.Random) -> tuple[str, ...]:
    return "chaos.doomed", point, str(chance.randint(_FIRST, _LAST))


async def _replace_the_dead(trial: Trial) -> None:
    """Start another worker once the first has killed itself."""
    (worker,) = trial.parts.workers
    await trial.parts.died(worker)
    code = worker.process.returncode
    trial.expect(code == -signal.SIGKILL, f"the worker ended with {code}, not by its own hand")
    trial.parts.start_worker()


async def _end_under_load(trial: Trial) -> None:
    """SIGTERM the worker; then start another."""
    await asyncio.sleep(trial.random.uniform(0.5, 2.0))
    code = await trial.parts.terminate(trial.parts.workers[0], timeout=trial.settings.shutdown_timeout + 10.0)
    trial.expect(code == 0, f"the worker ended with {code} after SIGTERM")
    trial.parts.start_worker()


async def _freeze(trial: Trial) -> None:
    """SIGSTOP the worker, have a second one take over, and let the first go on: it owns nothing any more."""
    second = trial.parts.start_worker()
    await parts.ready(second)
    await asyncio.sleep(trial.random.uniform(0.5, 2.0))
    first = trial.parts.workers[0]
    trial.expect(parts.is_ready(first), "the worker that freezes had no partitions yet")
    parts.pause(first)
    await asyncio.sleep(1.5 * trial.settings.session_timeout)
    await trial.observer.caught_up(30.0)
    parts.resume(first)


async def _storm(trial: Trial) -> None:
    """Kill a worker that is a member of its group and add another, every few seconds."""
    living = [*trial.parts.workers, *(trial.parts.start_worker() for _ in range(_SPARES))]
    await asyncio.gather(*map(parts.ready, living))
    killed = 0
    for _ in range(_BLOWS):
        if members := [worker for worker in living if parts.is_ready(worker)]:
            victim = trial.random.choice(members)
            living.remove(victim)
            trial.parts.kill(victim)
            killed += 1
        living.append(trial.parts.start_worker())
        await asyncio.sleep(_BLOW_EVERY)
    trial.expect(killed >= _SPARES, f"the storm killed {killed} members of the group, not {_SPARES} at least")


FAULTS = (
    Fault(
        1,
        "SIGKILL the worker after predict, before produce",
        _replace_the_dead,
        worker=partial(_doomed, BEFORE_PRODUCE),
    ),
    Fault(
        2,
        "SIGKILL the worker after produce, before commit",
        _replace_the_dead,
        worker=partial(_doomed, BEFORE_COMMIT),
    ),
    Fault(3, "SIGTERM the worker under load", _end_under_load, repeats=False),
    Fault(4, "SIGSTOP the worker past its session, SIGCONT beside its successor", _freeze),
    # Its workers, starting, take all the processor there is: on one machine the edge cannot be held to its time.
    Fault(18, "a rebalance storm: kill and add a worker every 3 s", _storm, silences_edge=True),
)
