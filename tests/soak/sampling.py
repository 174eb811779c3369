"""What is seen of a soak, about once a second: memory of each process, lag, and what came out at the far end."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.errors import KafkaError
from chaos.memory import resident
from msgspec import Struct

from api.admission.lag import Lag
from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Child

_EVERY: Final = 1.0


class Sample(Struct, frozen=True):
    """One look.

    Attributes:
        seconds: Since the first one.
        memory: Resident bytes by process.
        lag: Records on the input topic that are not committed; None where the broker did not say.
        mirrored: Predictions in Redis so far.
    """

    seconds: float
    memory: Mapping[str, int]
    lag: int | None
    mirrored: int


class Sampler:
    """Looks again and again until the block is left.

    Args:
        settings: Settings of the parts.
        processes: What is watched, by name.

    Attributes:
        samples: What was seen.
    """

    def __init__(self, settings: Settings, processes: Mapping[str, Child]) -> None:
        self.samples: list[Sample] = []
        self._settings = settings
        self._processes = processes
        self._lag = Lag(settings)
        self._redis = connect(settings, timeout=10.0)
        self._tasks: Sequence[asyncio.Task[Any]] = ()

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.create_task(self._follow()), asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    def lag(self) -> int | None:
        """Return the lag as it was seen last."""
        return self._lag.records

    async def mirrored(self) -> int:
        """Return how many predictions are in Redis."""
        return int(await self._redis.xlen(self._settings.redis_predictions_stream))

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(KafkaError, TimeoutError):  # on a busy machine a look may take too long
                await self._lag.run()
            await asyncio.sleep(_EVERY)

    async def _look(self) -> None:
        clock = asyncio.get_running_loop().time
        start = clock()
        while True:
            memory = {name: resident(child) for name, child in self._processes.items()}
            seconds, mirrored = round(clock() - start, 2), await self.mirrored()
            self.samples.append(Sample(seconds, memory, self.lag(), mirrored))
            await asyncio.sleep(_EVERY)
