"""The clocks: what time it is here, and at the servers that tell."""

import asyncio
import math
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import httpx
from redis.exceptions import RedisError

from streamapp.clients.redis import connect
from streamapp.contracts.status import STALE_AFTER
from streamapp.doctor.edge import address
from streamapp.doctor.findings import Fault, Finding, Seen, error, warning
from streamapp.doctor.visit import Looks, Visit
from streamapp.doctor.web import get, get_mlflow

#: Seconds that clocks may differ; the times of HTTP are whole seconds.
_WELL: Final = 2.0
#: Seconds at which workers that live begin to count as gone, or those that are gone as alive.
_BAD: Final = STALE_AFTER / 2


class Lead(NamedTuple):
    """What is known of a clock.

    Attributes:
        ahead: Seconds that it is ahead of ours at least, negative where it is behind.
        doubt: Seconds that it may differ by beside that: as long as its answer took.
    """

    ahead: float
    doubt: float


async def look(visit: Visit) -> Looks:
    """Compare our clock with that of each server that answers; those that do not are told of elsewhere."""
    settings = visit.settings
    asked: dict[str, Awaitable[Lead]] = {
        "Redis": _redis(visit),
        "the edge": _http(visit, get(f"{address(visit)}/livez", visit.patience, direct=visit.edge is None)),
    }
    if settings.mlflow_tracking_uri.startswith(("http://", "https://")):
        asked["MLflow"] = _http(
            visit, get_mlflow(f"{settings.mlflow_tracking_uri.rstrip('/')}/health", visit.patience)
        )
    answers = await asyncio.gather(*(_quietly(one) for one in asked.values()))
    leads = {who: answer for who, answer in zip(asked, answers, strict=True) if answer is not None}
    for finding in off(leads):
        yield finding
    well = {who: lead for who, lead in leads.items() if abs(lead.ahead) <= _WELL}
    if well:
        within = max(_WELL, *(lead.doubt for lead in well.values()))
        yield Seen(f"as that of {', '.join(well)}, to {math.ceil(within)} s")
    elif not leads:
        yield Seen("no server that tells the time answers")


def off(leads: Mapping[str, Lead]) -> Iterator[Finding]:
    """Yield a finding for each clock that differs from ours.

    Args:
        leads: What is known of a server's clock, by its name.
    """
    for who, (seconds, _) in leads.items():
        if abs(seconds) > _WELL:
            say = error if abs(seconds) >= _BAD else warning
            way = "ahead of" if seconds > 0 else "behind"
            yield say(
                Fault.CLOCK_OFF,
                f"clock of {who}",
                f"It is {abs(seconds):,.0f} s {way} ours. By clocks that differ, workers that live count as gone and "
                "keys and retention end at the wrong time.",
                "Set the clocks of all machines by NTP; see which one is wrong with: date -u",
                "timedatectl set-ntp true",
            )


def compared(theirs: float, cut: float, before: float, after: float) -> Lead:
    """Compare a clock with ours. It told its time at any moment while we waited.

    Args:
        theirs: What it told.
        cut: Seconds that it may have left out of that.
        before: When we asked.
        after: When its answer was here.
    """
    return Lead(max(0.0, theirs - after) or min(0.0, theirs + cut - before), after - before)


async def _quietly(asked: Awaitable[Lead]) -> Lead | None:
    with suppress(httpx.HTTPError, RedisError, OSError, LookupError):
        return await asked
    return None


async def _redis(visit: Visit) -> Lead:
    async with connect(visit.settings, visit.patience) as client:
        before = visit.clock()
        seconds, micros = await client.time()
        return compared(seconds + micros / 1e6, 0, before, visit.clock())


async def _http(visit: Visit, asked: Awaitable[httpx.Response]) -> Lead:
    before = visit.clock()
    answer = await asked
    # Its time is cut to the second.
    return compared(parsedate_to_datetime(answer.headers["Date"]).timestamp(), 1, before, visit.clock())
