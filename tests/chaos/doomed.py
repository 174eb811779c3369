"""`python -m chaos.doomed POINT BATCH`: a scoring worker that kills itself at an exact point of a batch's delivery.

No signal from outside hits between two statements. POINT is `before_produce`: the batch is predicted, nothing of it
is on the broker; or `before_commit`: its outputs are, the input offset is not. BATCH counts deliveries from 1.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from streamapp.app import main as worker
from streamapp.delivery import configured
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.delivery.lane import Lane
from streamapp.delivery.port import never
from streamapp.delivery.records import Target
from streamapp.delivery.wire import Output
from streamapp.scoring.records import Outcome

BEFORE_PRODUCE = "before_produce"
BEFORE_COMMIT = "before_commit"


class Doom:
    """Kills this process when a point has been passed so many times."""

    def __init__(self, point: str, batch: int) -> None:
        self._point = point
        self._batch = batch
        self._passed = itertools.count(1)

    def strike(self, point: str) -> None:
        """Say that a point is reached; does not return where it is the one."""
        if point == self._point and next(self._passed) == self._batch:
            os.kill(os.getpid(), signal.SIGKILL)


def install(doom: Doom) -> None:
    """Have both ways of delivery pass the points."""

    class DoomedLane(Lane):
        async def _produce(
            self, producer: AIOKafkaProducer, records: Sequence[tuple[Target, list[Output]]], end: int
        ) -> None:
            doom.strike(BEFORE_PRODUCE)
            await super()._produce(producer, records, end)

        async def _commit(self, producer: AIOKafkaProducer) -> None:
            doom.strike(BEFORE_COMMIT)
            await super()._commit(producer)

    class DoomedAtLeastOnce(AtLeastOnce):
        async def deliver(self, outcome: Outcome, given_up: Callable[[], bool] = never) -> None:
            doom.strike(BEFORE_PRODUCE)
            await super().deliver(outcome, given_up)
            doom.strike(BEFORE_COMMIT)

    ExactlyOnce.lane = DoomedLane
    replaced: Any = configured
    replaced.AtLeastOnce = DoomedAtLeastOnce


def main(arguments: Sequence[str]) -> None:
    """Run the worker. Does not return."""
    point, batch = arguments
    install(Doom(point, int(batch)))
    worker()


if __name__ == "__main__":
    main(sys.argv[1:])
