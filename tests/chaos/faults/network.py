"""The network between the parts and the broker: black holes, lost answers, slowness, and all of it by turns."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from chaos import far, memory, oracles, parts
from chaos.fault import Fault
from chaos.proxy import Weather
from chaos.trial import Trial

_BLACK_HOLE: Final = Weather(black_hole=True)
_LOST_ANSWERS: Final = Weather(loses_produce_responses=True)
_SLOW: Final = Weather(latency=(0.05, 0.5), bytes_per_second=64 * 1024)
_ROLES: Final = ("edge", "worker", "sinks")
#: Seconds. A lost answer shows when a request times out: after 10 s at the worker.
_EDGE_CUT_OFF_FOR = 6.0
_EDGE_UNANSWERED_FOR = 4.0
_WORKER_UNANSWERED_FOR = 12.0
_SLOW_FOR = 20.0
#: Bytes of a request over HTTP and of a record, how many of these, and what is offered with both at least. Kept in
#: memory it would be more than a part may grow by: at the edge as requests, at the worker as records and predictions.
_REQUEST_BYTES: Final = 250_000
_RECORD_BYTES: Final = 100_000
_RECORDS: Final = 1000
_OFFERED: Final = 240_000_000
#: What a part may need more meanwhile. The edge alone lets 64 MiB wait for the broker.
_MOST_GROWTH = 160 * memory.MIB
#: Turns of bad weather, and the shortest and longest spell of bad and of clear weather.
_TURNS = 8
_BAD = 1.0, 8.0
_FINE = 0.2, 1.5


async def _edge_cut_off(trial: Trial) -> None:
    """Let nothing pass between edge and broker: it lets nobody in, and tells so in time."""
    with trial.proxy.weather(_BLACK_HOLE, "edge"):
        # Those who were on their way then may have been let in before.
        await asyncio.sleep(oracles.ANSWER_LIMIT)
        mark = len(trial.traffic.ledger)
        await asyncio.sleep(_EDGE_CUT_OFF_FOR)
        answers = {sent.answer for sent in trial.traffic.ledger[mark:]}
    trial.expect("202" not in answers, "the edge said 202 while it could not reach the broker")
    trial.expect("503" in answers, "the edge did not say 503 while it could not reach the broker")


async def _worker_cut_off(trial: Trial) -> None:
    """Let nothing pass between one of two workers and the broker, then between both and it, for over a session."""
    await parts.ready(trial.parts.start_worker())
    longer = 1.5 * trial.settings.session_timeout
    with _loses(trial, far.ROLE), trial.proxy.weather(_BLACK_HOLE, far.ROLE):
        await asyncio.sleep(longer)
        left = await trial.observer.caught_up(oracles.HEALING_LIMIT)
        trial.expect(not left, "the other worker did not take over from the one that was cut off")
    await asyncio.sleep(trial.random.uniform(*_FINE))
    with _loses(trial, far.ROLE, "worker"), trial.proxy.weather(_BLACK_HOLE, far.ROLE, "worker"):
        await asyncio.sleep(longer)


async def _answers_lost(trial: Trial) -> None:
    """Let every record arrive and no acknowledgement return: for the edge, for the worker, for both."""
    for roles, seconds in (
        (("edge",), _EDGE_UNANSWERED_FOR),
        (("worker",), _WORKER_UNANSWERED_FOR),
        (("edge", "worker"), _EDGE_UNANSWERED_FOR),
    ):
        with _loses(trial, *roles), trial.proxy.weather(_LOST_ANSWERS, *roles):
            await asyncio.sleep(seconds)
        await asyncio.sleep(trial.random.uniform(*_FINE))


async def _slow(trial: Trial) -> None:
    """Have every frame take long and few bytes pass, and offer many: they must not pile up in anybody's memory."""
    watched = {"edge": trial.parts.edge, "worker": trial.parts.workers[0], "sinks": trial.parts.sinks}
    offered = trial.traffic.offered
    async with memory.growth(watched) as growth:
        with _passes(trial, *_ROLES), trial.proxy.weather(_SLOW, *_ROLES):
            trial.traffic.padding = _REQUEST_BYTES
            large = islice(trial.traffic.entries(padding=_RECORD_BYTES), _RECORDS)
            await asyncio.gather(trial.traffic.put(*large), asyncio.sleep(_SLOW_FOR))
            trial.traffic.padding = 0
        left = await trial.observer.caught_up(oracles.HEALING_LIMIT)
    trial.expect(not left, "what had been offered in slow weather was not processed in fine weather")
    offered = trial.traffic.offered - offered
    trial.expect(offered >= _OFFERED, f"only {offered / memory.MIB:.0f} MiB were offered")
    for name, grown in growth.items():
        trial.expect(grown < _MOST_GROWTH, f"the {name} grew by {grown / memory.MIB:.0f} MiB")


async def _by_turns(trial: Trial) -> None:
    """Have bad weather of any kind for any of the parts, again and again."""
    hit: Counter[str] = Counter()
    lost = sum(trial.proxy.lost.values())
    for _ in range(_TURNS):
        weather = trial.random.choice((_BLACK_HOLE, _LOST_ANSWERS, _SLOW))
        roles = trial.random.sample(_ROLES, trial.random.randint(1, len(_ROLES)))
        before = {role: trial.proxy.frames(role) for role in roles}
        with trial.proxy.weather(weather, *roles):
            await asyncio.sleep(trial.random.uniform(*_BAD))
        hit.update({role: trial.proxy.frames(role) - count for role, count in before.items()})
        await asyncio.sleep(trial.random.uniform(*_FINE))
    trial.expect(all(hit.values()), f"bad weather met no frame of some part: {dict(hit)}")
    trial.expect(sum(trial.proxy.lost.values()) > lost, "nothing was lost")


@contextlib.contextmanager
def _loses(trial: Trial, *roles: str) -> Iterator[None]:
    """Expect that frames of each of the roles are lost while the block lasts."""
    before = {role: trial.proxy.lost[role] for role in roles}
    yield
    for role, count in before.items():
        trial.expect(trial.proxy.lost[role] > count, f"nothing of {role} was lost")


@contextlib.contextmanager
def _passes(trial: Trial, *roles: str) -> Iterator[None]:
    """Expect that frames of each of the roles pass while the block lasts."""
    before = {role: trial.proxy.passed[role] for role in roles}
    yield
    for role, count in before.items():
        trial.expect(trial.proxy.passed[role] > count, f"nothing of {role} passed")


FAULTS = (
    Fault(9, "a black hole between edge and broker", _edge_cut_off, repeats=False),
    Fault(10, "a black hole between worker and broker", _worker_cut_off, worker=lambda _: ("chaos.far",)),
    Fault(11, "only the answers to produce requests are lost", _answers_lost, repeats=False),
    Fault(12, "50 to 500 ms of latency, 64 kB/s", _slow, repeats=False),
    Fault(13, "9 to 12 on and off at random", _by_turns),
)
