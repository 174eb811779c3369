"""The consumer group of the workers, as the broker knows it: its members, and which partitions they have."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import for_code

from streamapp.clients import kafka
from streamapp.clients.scanning import partitions
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Seen, error
from streamapp.doctor.rights import unseen
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"
_STABLE: Final = "Stable"


async def look(visit: Visit) -> Looks:
    """Ask the group's coordinator."""
    settings = visit.settings
    admin = AIOKafkaAdminClient(**kafka.connection(settings, _ROLE), request_timeout_ms=int(visit.patience * 1000))
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([settings.group])
    finally:
        await admin.close()
    ((code, name, state, _, _, members, *_),) = answer.groups
    if code:
        seen = "the group of the workers"
        yield unseen(Fault.LAG_UNSEEN, f"group {name}", seen, for_code(code)(name), "Describe on the group")
        return
    yield Seen(f"{name}: {state or 'unknown'}, {len(members)} member{'' if len(members) == 1 else 's'}")
    taken = assigned(member[4] for member in members)
    if state == _STABLE and taken:
        there = {topic: await partitions(settings, topic) for topic in settings.input_topics}
        for finding in unread(settings, there, taken):
            yield finding


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
