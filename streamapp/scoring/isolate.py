"""Poison isolation: the requests on which a model fails are found, and all others are predicted.

The rule, for the requests that one model has in a batch and the seconds it may take for them in all:

1. All requests together get half of the time; a request that is alone gets all of it.
2. A group on which the model raises is halved. One request that fails among n costs about 2 log2(n) calls.
3. A group on which the model hangs is split in 50 parts. Each call that hangs costs time and a thread, so it is worth
   many quick ones to have few of them: in up to 2,500 requests the one that hangs is alone after three.
4. Each later call may take a quarter of the time that is left, so that some is left for the others. Large
   groups come before small ones: innocent requests are predicted before the time goes to the suspects.
5. A request that fails alone is refused with its own failure. When the time is over, or too many calls hang, what is
   still waiting is refused with the failure of the smallest group that it was tried in.

So one request that hangs is refused in three quarters of the time, and the others are predicted. A model that
hangs on everything is given up when `call.MAX_HANGING` calls do, and then refused without a call until one returns.
With a model that is just slow, as many are predicted as the time allows, rather fewer: where a full batch takes it
longer than half of the time, batches are too large for it, or the time is too short.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from streamapp.contracts.errors import PredictionTimeout, ServiceError

T = TypeVar("T")
R = TypeVar("R")

#: Parts of a group on which the model raised, and of one on which it hung.
_HALVES: Final = 2
_PARTS: Final = 50
#: Shares of the time left: of the first call, where it is for several requests, and of each later one.
_FIRST: Final = 0.5
_LATER: Final = 0.25
#: A call that could take less than this share of all the time is not made: it would be given up before it can hang.
_LEAST: Final = 0.01


class Isolated(NamedTuple, Generic[T, R]):
    """What isolation came to; each item is in exactly one of the two.

    Attributes:
        results: Results of the attempts that succeeded, in the order of the attempts.
        failed: The other items, each with its failure.
    """

    results: list[R]
    failed: list[tuple[T, Exception]]


def isolate(
    items: Sequence[T],
    attempt: Callable[[Sequence[T], float], Sequence[R]],
    seconds: float,
    *,
    available: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
) -> Isolated[T, R]:
    """Attempt items together, and in ever smaller groups where that fails.

    Args:
        items: The items, at least one.
        attempt: Returns the results of a group, or raises; `PredictionTimeout` where it took longer than the
            seconds it is given.
        seconds: Time for all attempts.
        available: Asked before each attempt; once it says False the items that wait are refused.
        clock: Returns the time in seconds.

    Raises:
        ServiceError: An attempt raised one: that concerns no item, but what all attempts need.
    """
    found: Isolated[T, R] = Isolated([], [])
    deadline = clock() + seconds
    patience = seconds if len(items) == 1 else seconds * _FIRST
    waiting = deque([(items, _not_called())])
    while waiting:
        group, failure = waiting.popleft()
        if patience < seconds * _LEAST or not available():
            found.failed.extend((item, failure) for item in group)
            continue
        try:
            found.results.extend(attempt(group, patience))
        except ServiceError:
            raise
        except Exception as exc:  # noqa: BLE001  # a model may raise anything
            # Its frames hold this one, which holds it: only the collector would free them, and what they work on.
            failure = exc.with_traceback(None)
            if len(group) == 1:
                found.failed.append((group[0], failure))
            else:
                waiting.extend((part, failure) for part in _split(group, failure))
        patience = (deadline - clock()) * _LATER
    return found


def _split(group: Sequence[T], failure: Exception) -> list[Sequence[T]]:
    parts = _PARTS if isinstance(failure, PredictionTimeout) else _HALVES
    size = -(-len(group) // parts)
    return [group[start : start + size] for start in range(0, len(group), size)]


def _not_called() -> Exception:
    return PredictionTimeout("Too many calls of the model hang; it was not called again.")
