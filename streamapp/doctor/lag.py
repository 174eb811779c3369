"""What waits for the workers on the input topics, and whether anything of it is being finished."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from itertools import chain
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streamapp.clients.backlog import Backlog, backlogs, looker
from streamapp.clients.consuming import started
from streamapp.clients.scanning import partitions, scan
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Seen, error, warning
from streamapp.doctor.rights import DENIALS, unseen
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"
#: Share of the bound at which the lag is worth a warning.
_HIGH: Final = 0.5
#: Seconds beyond the slowest batch and a commit in which something has to be finished where anything is.
_MORE: Final = 1.0
_STOPPING: Final = 1.0
#: Share of the check's time until which it waits; the rest is for what it says then.
_SHARE: Final = 0.6
_POLL_MS: Final = 100

Backlogs = Mapping[TopicPartition, Backlog]


async def look(visit: Visit) -> Looks:
    """Look again where records wait, until the workers' offsets have moved, or should have."""
    settings = visit.settings
    numbers = await asyncio.gather(*(partitions(settings, topic) for topic in settings.input_topics))
    assigned = [TopicPartition(*at) for at in _flat(dict(zip(settings.input_topics, numbers, strict=True)))]
    if not assigned:  # which the check of the topics tells
        return
    begun = asyncio.get_running_loop().time()
    options = {"request_timeout_ms": int(visit.patience * 1000)}
    try:
        async with started(looker(settings, _ROLE, **options), _STOPPING) as consumer:
            consumer.assign(assigned)
            before = await _seen(consumer)
            for finding in chain(expired(settings, before), high(settings, before)):
                yield finding
            until = asyncio.get_running_loop().time() + _enough(settings)
            latest = begun + _SHARE * visit.timeout
            after = await _later(consumer, before, min(until, latest))
        stuck = [at for at in standing(before, after) if await _has_records(settings, at, after[at])]
    except DENIALS as exc:
        about, right = f"group {settings.group}", "Describe on the group and Read on the input topics"
        yield unseen(Fault.LAG_UNSEEN, about, "what waits for the workers", exc, right)
        return
    for finding in _stuck(settings, stuck, is_sure=until <= latest):
        yield finding
    waiting = sum(one.waiting for one in after.values())
    yield Seen(f"{waiting:,} record{' waits' if waiting == 1 else 's wait'}")


def _flat(numbers: Mapping[str, list[int]]) -> list[tuple[str, int]]:
    return [(topic, number) for topic, found in numbers.items() for number in found]


async def _seen(consumer: AIOKafkaConsumer) -> Backlogs:
    """Look until the end of each partition is known, which a fetch for each tells."""
    await consumer.seek_to_end()
    while any(consumer.highwater(partition) is None for partition in consumer.assignment()):
        await consumer.getmany(timeout_ms=_POLL_MS)
    return await backlogs(consumer)


def _enough(settings: Settings) -> float:
    """Return the seconds in which something is finished where anything is."""
    return settings.predict_timeout + settings.commit_interval + _MORE


async def _later(consumer: AIOKafkaConsumer, before: Backlogs, until: float) -> Backlogs:
    """Look again until something was finished wherever records waited, or until a time of the event loop's clock."""
    clock = asyncio.get_running_loop().time
    after = before
    while standing(before, after) and clock() < until:
        after = await backlogs(consumer)
    return after


def high(settings: Settings, seen: Backlogs) -> Iterator[Finding]:
    """Yield a finding for each topic on which more records wait than the edge lets, or half of that."""
    for topic, waiting in _by_topic(seen).items():
        if waiting > settings.max_lag:
            yield error(
                Fault.LAG_HIGH,
                f"topic {topic}",
                f"{waiting:,} records wait, more than STREAMAPP_MAX_LAG: the edge takes none for it (503).",
                "Start more workers or processes, up to one a partition (STREAMAPP_WORKER_PROCESSES); or wait.",
            )
        elif waiting > _HIGH * settings.max_lag:
            yield warning(
                Fault.LAG_HIGH,
                f"topic {topic}",
                f"{waiting:,} records wait. Beyond STREAMAPP_MAX_LAG={settings.max_lag:,} the edge takes none (503).",
                "Start more workers or processes, up to one a partition (STREAMAPP_WORKER_PROCESSES).",
            )


def standing(before: Backlogs, after: Backlogs) -> list[TopicPartition]:
    """Return the partitions on which something waits and nothing was finished between two looks."""
    return sorted(
        at
        for at, then in before.items()
        if then.waiting and after[at].waiting and after[at].committed == then.committed
    )


async def _has_records(settings: Settings, at: TopicPartition, seen: Backlog) -> bool:
    """Say whether what waits is a record: it may be the marker of a transaction, which nobody finishes."""
    start = max(seen.committed or 0, seen.first)
    async with aclosing(scan(settings, at.topic, {at.partition: start})) as batches:
        async for _ in batches:
            return True
    return False


def _stuck(settings: Settings, partitions: Iterable[TopicPartition], *, is_sure: bool) -> Iterator[Finding]:
    """Yield a finding for each topic of which nothing was finished: an error where a batch had the time for it."""
    by_topic: dict[str, list[str]] = defaultdict(list)
    for at in partitions:
        by_topic[at.topic].append(str(at.partition))
    for topic, numbers in by_topic.items():
        if not is_sure:
            yield warning(
                Fault.LAG_STANDING,
                f"topic {topic}",
                f"Records wait on partition {', '.join(numbers)}, and none was finished while we looked; a batch may "
                "take longer (STREAMAPP_PREDICT_TIMEOUT).",
                "Look for longer, with --timeout.",
                f"streamapp doctor --timeout {math.ceil((_enough(settings) + _MORE) / _SHARE)}",
            )
            continue
        yield error(
            Fault.LAG_STANDING,
            f"topic {topic}",
            f"Records wait on partition {', '.join(numbers)}, and none was finished while we looked.",
            f"See whether workers of the group {settings.group} run, and what their logs and /livez say; one that "
            "hangs has to be started again.",
        )


def expired(settings: Settings, seen: Backlogs) -> Iterator[Finding]:
    """Yield an error for each topic of which retention has removed what no worker had read."""
    for topic in sorted({partition.topic for partition in seen}):
        if gone := sum(_expired(one) for at, one in seen.items() if at.topic == topic):
            yield error(
                Fault.RECORDS_EXPIRED,
                f"topic {topic}",
                f"Retention has removed {gone:,} records before workers of the group {settings.group} read them.",
                "They are lost. Keep records for longer (retention.ms of the topic), and start enough workers.",
            )


def _expired(seen: Backlog) -> int:
    """Return how many records are gone; one offset before an empty partition may be the marker of a transaction."""
    is_empty = seen.first == seen.end
    return 0 if is_empty and seen.expired == 1 else seen.expired


def _by_topic(seen: Backlogs) -> dict[str, int]:
    waiting: dict[str, int] = defaultdict(int)
    for partition, one in seen.items():
        waiting[partition.topic] += one.waiting
    return waiting
