"""Records that cannot be scored: no JSON, nothing, a row that a model raises on, a row that it never returns from."""

from itertools import islice

from chaos.fault import Fault
from chaos.registry import POISONED
from chaos.trial import Trial

#: Rounds of poison, and how many good records of the same models are around each.
_ROUNDS = 3
_NEIGHBOURS = 20
_CODES = {"raising": "model_failed", "hanging": "model_timeout"}


async def _poison(trial: Trial) -> None:
    """Put poison among good records of the same models, all on one partition and in one go."""
    for _ in range(_ROUNDS):
        batch = list(islice((e for e in trial.traffic.entries() if e.code), 4))
        for alias in POISONED:
            good = list(islice(trial.traffic.entries(alias, Mood=1.0), _NEIGHBOURS))
            bad = next(trial.traffic.entries(alias, Mood=13.0))
            batch += [*good, bad._replace(code=_CODES[alias])]
        trial.random.shuffle(batch)
        await trial.traffic.put(*batch, partition=trial.random.randrange(trial.settings.partitions))
        await trial.observer.caught_up(30.0)


FAULTS = (
    Fault(
        17,
        "poison: bad JSON, null, a model that raises, a model that hangs",
        _poison,
        repeats=False,
        models=tuple(POISONED),
        settings={"predict_timeout": 2.0},
    ),
)
