"""A fault as the suite knows it."""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from chaos.trial import Trial


class NotPossible(Exception):
    """The fault cannot be made on this machine; the message says why."""


class Fault(Struct, frozen=True):
    """One row of the table of faults.

    Attributes:
        number: Its number.
        title: What is done, in a few words.
        run: Breaks something and heals it; returns at the moment of healing. It gets all randomness from
            `trial.random`, and tells with `trial.expect` what has to hold meanwhile.
        restarts_broker: The broker goes and comes back, which needs one that keeps its data.
        repeats: Whether at_least_once may leave repeats: something died or lost its partitions at work.
        silences_edge: The edge itself is hit, so that requests may have no answer, or none in time.
        worker: Returns the arguments of `python -m` that start the first worker; None: as users start it.
        settings: Settings that it needs otherwise.
        models: Models that fail, by alias, to be served beside the traffic's.
    """

    number: int
    title: str
    run: Callable[["Trial"], Awaitable[None]]
    restarts_broker: bool = False
    repeats: bool = True
    silences_edge: bool = False
    worker: Callable[[random.Random], tuple[str, ...]] | None = None
    settings: Mapping[str, object] = {}
    models: tuple[str, ...] = ()
