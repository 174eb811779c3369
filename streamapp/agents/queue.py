"""The calls of one model: one after the other, beside those of other models.

What waits for a model while a call of it is under way goes together in its next call, from whatever batches it came.
A model whose call takes as long for one row as for a thousand is so called once for all input partitions, and no
record waits for more than the call under way and its own.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from streamapp.contracts import codec
from streamapp.metrics import worker as metrics
from streamapp.scoring.groups import Request, Result
from streamapp.scoring.model import Model
from streamapp.scoring.score import Limits, ModelScorer


class _Waiting(NamedTuple):
    """Requests of one batch that wait for a call.

    Attributes:
        requests: The requests.
        scored: Gets what becomes of them.
        since: When they came, on the monotonic clock.
    """

    requests: Sequence[Request]
    scored: asyncio.Future[list[Result]]
    since: float


class ModelQueue:
    """Scores requests with one model, in a thread of its own. To be used on one event loop.

    Args:
        model: The model.
        limits: What a request and its prediction may be, and how long a call may take.
        most: Requests that go together in one call; those of one batch are never split.

    Attributes:
        card: The model's card.
        stats: What its calls came to.
        since: When it was made, UTC, ISO 8601.
    """

    def __init__(self, model: Model, limits: Limits, most: int) -> None:
        self._scorer = ModelScorer(model, limits)
        self.card: Final = self._scorer.card
        self.stats: Final = self._scorer.stats
        self.since: Final = codec.utc_now()
        self._most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"score-{self.card.alias}")
        self._waiting: deque[_Waiting] = deque()
        self._calls: asyncio.Task[None] | None = None

    async def score(self, requests: Sequence[Request]) -> list[Result]:
        """Score requests after those that wait already; returns what became of each, in their order."""
        scored: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(requests, scored, time.monotonic()))
        if self._calls is None or self._calls.done():
            self._calls = asyncio.create_task(self._call_while_any_wait())
        return await scored

    async def _call_while_any_wait(self) -> None:
        while self._waiting:
            taken, begun, rows = self._take(), time.monotonic(), self.stats.rows
            together = [request for waiting in taken for request in waiting.requests]
            try:
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._scorer.score, together)
            except Exception as exc:  # noqa: BLE001  # whoever waits for it decides
                for waiting in taken:
                    if not waiting.scored.cancelled():
                        waiting.scored.set_exception(exc)
            else:
                waited = [begun - waiting.since for waiting in taken]
                metrics.called(self.card.alias, waited, time.monotonic() - begun, self.stats.rows - rows)
                _hand_out(taken, results)

    def _take(self) -> list[_Waiting]:
        taken = [self._waiting.popleft()]
        size = len(taken[0].requests)
        while self._waiting and (size := size + len(self._waiting[0].requests)) <= self._most:
            taken.append(self._waiting.popleft())
        return taken


def _hand_out(taken: Sequence[_Waiting], results: list[Result]) -> None:
    start = 0
    for waiting in taken:
        part = results[start : start + len(waiting.requests)]
        start += len(waiting.requests)
        if not waiting.scored.cancelled():
            waiting.scored.set_result(part)
