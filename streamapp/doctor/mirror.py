"""The sinks: whether what is on the topics comes to Redis."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Final

from aiokafka.errors import TopicAuthorizationFailedError
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from streamapp.clients.redis import connect
from streamapp.clients.scanning import partitions, scan
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Said, Seen, error, note
from streamapp.doctor.rights import DENIALS, concealed, unseen
from streamapp.doctor.visit import Looks, Visit

#: Seconds in which a mirror that runs has written something.
_WINDOW: Final = 2.0
#: Seconds between looks.
_LOOK: Final = 0.2


async def look(visit: Visit) -> Looks:
    """Look at the positions of the mirror, and whether they move where it is behind."""
    settings = visit.settings
    async with connect(settings, visit.patience) as client:
        mirrored = (
            (settings.input_topic, settings.redis_requests_stream),
            (settings.predictions_topic, settings.redis_predictions_stream),
        )
        for said in await asyncio.gather(*(_looked(client, visit, *one) for one in mirrored)):
            yield said


async def _looked(client: Redis, visit: Visit, topic: str, stream: str) -> Said:
    settings = visit.settings
    try:
        numbers = await partitions(settings, topic)
        if not numbers:
            if await concealed(settings, [topic], visit.patience):
                raise TopicAuthorizationFailedError(topic)
            return _nothing(topic, stream)
        before = await _positions(client, settings, topic, numbers)
        if not await _is_behind(settings, topic, before):
            return Seen(f"stream {stream} has all of topic {topic}")
        moves = await _moves(client, settings, topic, before)
    except NoPermissionError:
        return _unseen(settings, stream)
    except DENIALS as exc:
        return unseen(
            Fault.MIRROR_UNSEEN, f"topic {topic}", f"whether all of it is in {stream}", exc, "Read on that topic"
        )
    return Seen(f"stream {stream} follows topic {topic}") if moves else _standing(topic, stream)


async def _moves(client: Redis, settings: Settings, topic: str, before: Mapping[int, int]) -> bool:
    """Say whether the mirror writes anything while we look."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _WINDOW
    while await _positions(client, settings, topic, list(before)) == before:
        if clock() > deadline:
            return False
        await asyncio.sleep(_LOOK)
    return True


async def _positions(client: Redis, settings: Settings, topic: str, numbers: list[int]) -> dict[int, int]:
    """Return the offset of the next record by partition, as the mirror keeps it beside its data."""
    if not numbers:
        return {}
    stored = await client.mget([f"{settings.redis_prefix}offset:{topic}:{number}" for number in numbers])
    return {number: int(offset or 0) for number, offset in zip(numbers, stored, strict=True)}


async def _is_behind(settings: Settings, topic: str, positions: Mapping[int, int]) -> bool:
    """Say whether there are records from these offsets on; markers of transactions are none."""
    async with aclosing(scan(settings, topic, positions)) as batches:
        async for records in batches:
            if records:
                return True
    return False


def _standing(topic: str, stream: str) -> Finding:
    return error(
        Fault.MIRROR_STANDING,
        f"Redis Stream {stream}",
        f"It lacks records of the topic {topic}, and none was added while we looked.",
        "Start the sinks. Where they run, see their log: they say why they wait.",
        "streamapp sinks",
    )


def _nothing(topic: str, stream: str) -> Finding:
    return note(
        Fault.MIRROR_UNSEEN,
        f"Redis Stream {stream}",
        f"The topic {topic} is not there, and so there is nothing to mirror.",
        "See what is said of the topics here.",
    )


def _unseen(settings: Settings, stream: str) -> Finding:
    return note(
        Fault.MIRROR_UNSEEN,
        f"Redis Stream {stream}",
        f"We may not see the position of the mirror ({settings.redis_prefix}offset:*).",
        "Look as the user of the sinks.",
    )
