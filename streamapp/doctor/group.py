"""The consumer group of the workers, as the broker knows it: its members, and which partitions they have."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, for_code

from streamapp.clients import kafka
from streamapp.clients.scanning import partitions
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Seen, error
from streamapp.doctor.rights import unseen
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"
_STABLE: Final = "Stable"
#: Seconds between two questions.
_PAUSE: Final = 0.2


async def look(visit: Visit) -> Looks:
    """Ask the group's coordinator."""
    settings = visit.settings
    admin = AIOKafkaAdminClient(**kafka.connection(settings, _ROLE), request_timeout_ms=int(visit.patience * 1000))
    try:
        await admin.start()
        state, members = await _described(admin, settings.group, visit.patience)
    except GroupAuthorizationFailedError as exc:
        about, seen = f"group {settings.group}", "the group of the workers"
        yield unseen(Fault.LAG_UNSEEN, about, seen, exc, "Describe on the group")
        return
    finally:
        await admin.close()
    yield Seen(f"{settings.group}: {state or 'unknown'}, {len(members)} member{'' if len(members) == 1 else 's'}")
    taken = assigned(member[4] for member in members)
    if state == _STABLE and taken:
        there = {topic: await partitions(settings, topic) for topic in settings.input_topics}
        for finding in unread(settings, there, taken):
            yield finding


async def _described(admin: AIOKafkaAdminClient, group: str, patience: float) -> tuple[str, Sequence[Any]]:
    """Return the state of a group, and its members; a broker that never had a group needs a moment for the first.

    Raises:
        KafkaError: The broker does not say.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:
            if clock() > deadline:
                raise
            await asyncio.sleep(_PAUSE)
            continue
        ((code, _, state, _, _, members, *_),) = answer.groups
        if code:
            raise for_code(code)(group)
        return state, members


def assigned(assignments: Iterable[bytes]) -> set[tuple[str, int]]:
    """Return topics and partitions that members have, as far as the broker tells; the embedded one does not."""
    decoded = [ConsumerProtocol.ASSIGNMENT.decode(one) for one in assignments if one]
    return {(topic, number) for one in decoded for topic, numbers in one.assignment for number in numbers}


def unread(settings: Settings, there: Mapping[str, list[int]], taken: set[tuple[str, Any]]) -> Iterator[Finding]:
    """Yield an error for each input topic with partitions that no member of the group has."""
    for topic, numbers in there.items():
        if left := [str(number) for number in numbers if (topic, number) not in taken]:
            yield error(
                Fault.PARTITION_UNREAD,
                f"topic {topic}",
                f"No worker of the group {settings.group} reads its partition {', '.join(left)}.",
                "Give all workers the same STREAMAPP_INPUT_TOPIC and STREAMAPP_MODEL_TOPICS; keep programs of others "
                "out of the group (STREAMAPP_GROUP).",
            )
