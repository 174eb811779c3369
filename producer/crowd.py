"""Many callers at once, each with a pause before every request."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from random import Random

from msgspec import Struct

from producer.answers import Answers, Tally
from producer.ask import Caller, Outcome
from producer.pacing import rest


class Crowd(Struct, frozen=True):
    """Who asks, and how.

    Attributes:
        url: Where to post to, with the query.
        size: Callers, so most requests in flight.
        delay: Least and most seconds that a caller rests before a request.
        timeout: Seconds for an answer.
        seed: Same seed, same rests.
        key: API key; "": none.
    """

    url: str
    size: int
    delay: tuple[float, float]
    timeout: float
    seed: int
    key: str = ""


async def ask_all(
    bodies: Iterable[bytes],
    crowd: Crowd,
    *,
    stop: asyncio.Event,
    tally: Tally,
    tell: Callable[[int, Outcome], None],
) -> Answers:
    """Send all requests; each caller takes the next one as soon as it has its answer.

    Args:
        bodies: What to send.
        crowd: Who sends it.
        stop: Ends the run; requests in flight are waited for.
        tally: Counts outcomes as they come in.
        tell: Gets each outcome, with the request's number.
    """
    rng = Random(crowd.seed)  # noqa: S311  # repeatable, not secret
    context = ssl.create_default_context()
    requests = ((number, body, rng.uniform(*crowd.delay)) for number, body in enumerate(bodies, 1))
    started = time.perf_counter()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for _ in range(crowd.size):
            caller = await stack.enter_async_context(Caller(crowd.url, crowd.timeout, context, crowd.key))
            tasks.create_task(_ask(caller, requests, stop, tally, tell))
    return tally.answers(time.perf_counter() - started)


async def _ask(
    caller: Caller,
    requests: Iterator[tuple[int, bytes, float]],
    stop: asyncio.Event,
    tally: Tally,
    tell: Callable[[int, Outcome], None],
) -> None:
    for number, body, seconds in requests:
        await rest(seconds, stop)
        if stop.is_set():
            return
        outcome = await caller.ask(body)
        tally.count(outcome)
        tell(number, outcome)
