"""When Python's collector looks for cycles: while nothing is in flight, and hardly ever otherwise.

A record and what is made of it are trees, and a failure keeps no frame (`scoring.isolate`), so that all of them go
when the last reference does. What the collector is there for are a few dozen objects a second, of Faust, HTTP and
MLflow. See docs/decisions/0033-garbage-collector.md for what was measured.
"""

import gc
import time
from collections.abc import Callable
from typing import Final

from mode import Service

#: Objects after which the collector looks although records are in flight. It counts those in flight, too: some ten
#: for each record, of at most three batches a partition (`STREAMAPP_MAX_BATCH_RECORDS`).
COLLECT_AFTER: Final = 1_000_000
#: Seconds between two collections of a worker that has idle moments, and between two looks whether this is one.
_EVERY: Final = 60.0
_LOOK: Final = 1.0


def settle() -> None:
    """Free what is left of a start or a swap of models, and keep the collector off what stays.

    What is in flight is kept off it as well, and goes with the last reference; a model that is still called then goes
    at the next swap.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


class Collector(Service):
    """Has the collector look while nothing is in flight.

    Args:
        in_flight: Returns how many batches are.
        every: Seconds between two collections, at least.
        look: Seconds between two looks.
    """

    def __init__(self, in_flight: Callable[[], int], every: float = _EVERY, look: float = _LOOK) -> None:
        super().__init__()
        self._in_flight = in_flight
        self._every = every
        self._look = look

    async def on_start(self) -> None:
        """Take what there is for what stays."""
        settle()
        gc.set_threshold(COLLECT_AFTER)

    @Service.task
    async def _collect(self) -> None:
        collected = time.monotonic()
        while not self.should_stop:
            await self.sleep(self._look)
            if time.monotonic() - collected >= self._every and not self._in_flight():
                gc.collect()
                collected = time.monotonic()
