"""The calls of one model: one after the other, beside those of other models.

What waits for a model while a call of it is under way goes together in its next call, from whatever batches it came.
A model whose call takes as long for one row as for a thousand is so called once for all input partitions, and no
record waits for more than the call under way and its own.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from streamapp.contracts import codec
from streamapp.scoring.groups import Request, Result
from streamapp.scoring.model import Model
from streamapp.scoring.score import Limits, ModelScorer


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
        self._waiting: deque[tuple[Sequence[Request], asyncio.Future[list[Result]]]] = deque()
        self._calls: asyncio.Task[None] | None = None

    async def score(self, requests: Sequence[Request]) -> list[Result]:
        """Score requests after those that wait already; returns what became of each, in their order."""
        scored: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting.append((requests, scored))
        if self._calls is None or self._calls.done():
            self._calls = asyncio.create_task(self._call_while_any_wait())
        return await scored

    async def _call_while_any_wait(self) -> None:
        while self._waiting:
            taken = self._take()
            together = [request for requests, _ in taken for request in requests]
            try:
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._scorer.score, together)
            except Exception as exc:  # noqa: BLE001  # whoever waits for it decides
                for _, scored in taken:
                    if not scored.cancelled():
                        scored.set_exception(exc)
            else:
                self._hand_out(taken, results)

    def _take(self) -> list[tuple[Sequence[Request], asyncio.Future[list[Result]]]]:
        taken = [self._waiting.popleft()]
        size = len(taken[0][0])
        while self._waiting and (size := size + len(self._waiting[0][0])) <= self._most:
            taken.append(self._waiting.popleft())
        return taken

    def _hand_out(
        self, taken: Sequence[tuple[Sequence[Request], "asyncio.Future[list[Result]]"]], results: list[Result]
    ) -> None:
        start = 0
        for requests, scored in taken:
            part = results[start : start + len(requests)]
            start += len(requests)
            if not scored.cancelled():
                scored.set_result(part)
