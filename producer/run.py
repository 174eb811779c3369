"""A run: requests at their pace, a bounded number of them in flight."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from producer.messages import Call, Record
from producer.pacing import paced
from producer.summary import Summary, Tally

Request = Call | Record
#: Sends a request and returns its outcome; it does not raise for what goes wrong outside.
Send = Callable[[Request], Awaitable[str]]


def by_kind(call: Callable[[Call], Awaitable[str]], record: Callable[[Record], Awaitable[str]]) -> Send:
    """Return one way to send both kinds of request."""

    def send(request: Request) -> Awaitable[str]:
        return call(request) if isinstance(request, Call) else record(request)

    return send


async def run(
    requests: Iterable[Request], send: Send, *, rate: float, concurrency: int, stop: asyncio.Event, tally: Tally
) -> Summary:
    """Send the requests until they are at an end or `stop` is set; then wait for those in flight.

    Args:
        requests: What to send.
        send: How.
        rate: Requests a second, 0: as fast as possible. A server that is slow or away does not slow the pace
            until `concurrency` requests are in flight.
        concurrency: Most requests in flight.
        stop: Ends the run.
        tally: Counts outcomes as they come in.
    """
    clock = asyncio.get_running_loop().time
    start = clock()
    free = asyncio.Semaphore(concurrency)

    async def deliver(request: Request) -> None:
        try:
            tally.count(await send(request))
        finally:
            free.release()

    async with asyncio.TaskGroup() as tasks:
        async for request in paced(requests, rate, stop):
            await free.acquire()
            tasks.create_task(deliver(request))
    return tally.summary(clock() - start)
