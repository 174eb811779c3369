"""What a program used of the machine: processor time and memory, of it and all that it started."""

import asyncio
import time
from bisect import bisect
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psutil

_EVERY: Final = 0.05
#: Looks between two at which processes there are: that one reads all of /proc.
_CHILDREN_EVERY: Final = 40
_MIB: Final = 2**20


class Sampler:
    """Looks at a program until the block is left, or the program has ended.

    Args:
        pid: Its process.
    """

    def __init__(self, pid: int) -> None:
        self._tree = [psutil.Process(pid)]
        self._times: list[float] = []
        self._cpu: list[float] = []
        self._most = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def cpu_between(self, start: float, end: float) -> float:
        """Return the processor seconds that were used between two points in time, by the wall clock."""
        return self._cpu_at(end) - self._cpu_at(start)

    @property
    def most_mib(self) -> float:
        """The most resident memory that was seen, in MiB."""
        return self._most / _MIB

    def _cpu_at(self, moment: float) -> float:
        """Interpolate between the looks before and after."""
        after = min(max(bisect(self._times, moment), 1), len(self._times) - 1)
        before = after - 1
        span = self._times[after] - self._times[before]
        share = min(max((moment - self._times[before]) / span, 0.0), 1.0)
        return self._cpu[before] + share * (self._cpu[after] - self._cpu[before])

    async def _run(self) -> None:
        looks = 0
        while True:
            if looks % _CHILDREN_EVERY == 0:
                with suppress(psutil.NoSuchProcess):
                    self._tree = [self._tree[0], *self._tree[0].children(recursive=True)]
            self._look()
            looks += 1
            await asyncio.sleep(_EVERY)

    def _look(self) -> None:
        used, resident = 0.0, 0
        for process in self._tree:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system
                resident += process.memory_info().rss
        self._times.append(time.time())
        self._cpu.append(max(used, self._cpu[-1] if self._cpu else 0.0))
        self._most = max(self._most, resident)
