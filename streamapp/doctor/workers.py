"""The workers: who lives, who has fallen silent, who has no work, and which models they refuse."""

import asyncio
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

from aiokafka.errors import TopicAuthorizationFailedError

from streamapp.clients.said import statuses
from streamapp.clients.scanning import partitions
from streamapp.contracts.fleet import Fleet, fleet, is_alive
from streamapp.contracts.status import WorkerStatus
from streamapp.doctor.findings import Fault, Finding, Seen, error, warning
from streamapp.doctor.rights import DENIALS, concealed, unseen
from streamapp.doctor.visit import Looks, Visit

#: Seconds by which a worker's clock may be ahead of ours.
_AHEAD: Final = 2.0


async def look(visit: Visit) -> Looks:
    """Read what the workers say of themselves: each renews it every few seconds, and takes it back when it ends."""
    began = datetime.fromtimestamp(visit.clock(), UTC)
    topic = visit.settings.status_topic
    try:
        said = [one.status for one in (await statuses(visit.settings)).values()]
        if not said and await concealed(visit.settings, [topic], visit.patience):
            raise TopicAuthorizationFailedError(topic)
    except DENIALS as exc:
        yield unseen(
            Fault.WORKERS_UNSEEN, f"topic {topic}", "what workers say of themselves", exc, "Read on that topic"
        )
        return
    # Workers speak while we read, and reading may take seconds: they are silent since we began, and ahead of its end.
    living, ended = fleet(said, began), datetime.fromtimestamp(visit.clock(), UTC)
    numbers = await asyncio.gather(*(partitions(visit.settings, each) for each in visit.settings.input_topics))
    most = max(map(len, numbers))
    for finding in chain(absent(living, said, began), idle(living, most), refused(living), clocks(said, ended)):
        yield finding
    if living.workers:
        serve = ", ".join(f"{one.alias} {one.version}" for one in living.served) or "no model"
        count = len(living.workers)
        yield Seen(f"{count} worker{'s serve' if count > 1 else ' serves'} {serve}")


def absent(living: Fleet, said: Collection[WorkerStatus], now: datetime) -> Iterator[Finding]:
    """Yield an error where no worker lives, and a warning for each that went without a word."""
    if not living.workers:
        yield error(
            Fault.WORKER_ABSENT,
            "workers",
            "No worker lives: what is sent waits, and POST /predict is answered with 504.",
            "Start one. Where one runs, see its log, and whether its STREAMAPP_BROKER and STREAMAPP_STATUS_TOPIC "
            "are those that we look at.",
            "streamapp worker",
        )
    for status in said:
        if not is_alive(status, now):
            yield warning(
                Fault.WORKER_SILENT,
                f"worker {status.worker}",
                f"It last spoke at {status.time}, and did not take its leave: it was killed, hangs, or has lost the "
                "broker.",
                "See its log. Where it still runs, start it again; where it does not, this goes away within minutes.",
            )


def idle(living: Fleet, most: int) -> Iterator[Finding]:
    """Yield a warning where there are more workers than partitions for them.

    Args:
        living: The workers.
        most: Partitions of the input topic that has the most: a worker has the same ones of each topic.
    """
    if most and (left := max(0, len(living.workers) - most)):
        yield warning(
            Fault.WORKERS_IDLE,
            "workers",
            f"{len(living.workers)} workers share {most} partitions; without work: {left}.",
            "Add partitions to the input topics, or run fewer workers or processes (STREAMAPP_WORKER_PROCESSES).",
        )


def refused(living: Fleet) -> Iterator[Finding]:
    """Yield a finding for each version that workers refuse: an error where nothing else is served under its alias."""
    served = {one.alias: one.version for one in living.served}
    for one in living.refused:
        say = warning if one.alias in served else error
        stays = f" Version {served[one.alias]} is served." if one.alias in served else " Its requests are refused."
        yield say(
            Fault.MODEL_REFUSED,
            f"model {one.alias} ({one.registered_name} {one.version})".replace(" )", ")"),
            f"Workers refuse it: {one.reason}{stays}",
            "Mend what the reason names; workers try again by themselves within a minute.",
        )


def clocks(said: Collection[WorkerStatus], now: datetime) -> Iterator[Finding]:
    """Yield a warning for each worker that speaks from the future, by our clock."""
    for status in said:
        try:
            ahead = datetime.fromisoformat(status.time) - now
        except (TypeError, ValueError):  # no time, or none with a zone
            continue
        if ahead > timedelta(seconds=_AHEAD):
            yield warning(
                Fault.CLOCK_OFF,
                f"worker {status.worker}",
                f"Its clock is {ahead.total_seconds():.0f} s ahead of ours: it counts as alive after its end.",
                "Set the clocks of all machines by NTP (timedatectl set-ntp true).",
            )
