"""The topics: what is there of them, asked without making any."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from streamapp.clients import kafka
from streamapp.contracts.topics import Topic, topics
from streamapp.doctor.findings import Fault, Finding, Seen, error, note
from streamapp.doctor.partition_faults import counted
from streamapp.doctor.rights import concealed, unseen
from streamapp.doctor.topic_faults import Found, judged
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"
#: What of a topic's settings is looked at.
_LOOKED_AT: Final = {"cleanup.policy", "retention.ms", "retention.bytes", "max.message.bytes", "min.insync.replicas"}


async def look(visit: Visit) -> Looks:
    """Compare the topics with what the parts create and rely on."""
    wanted = topics(visit.settings)
    options = kafka.connection(visit.settings, _ROLE)
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(visit.patience * 1000))
    try:
        await admin.start()
        nodes = len((await admin.describe_cluster())["brokers"])
        found = await _found(admin, {topic.name for topic in wanted})
    finally:
        await admin.close()
    missing = {topic.name for topic in wanted} - found.keys()
    hidden = await concealed(visit.settings, missing, visit.patience)
    if not found and not hidden:
        yield _none(wanted)
        return
    for name in sorted(hidden):
        what, right = "whether it is there", "Describe on it"
        yield unseen(Fault.TOPIC_UNSEEN, f"topic {name}", what, TopicAuthorizationFailedError(name), right)
    untold = [name for name, topic in found.items() if topic.config is None]
    if untold:
        yield _unseen(untold)
    visible = [topic for topic in wanted if topic.name not in hidden]
    faults = [finding for topic in visible for finding in judged(topic, found.get(topic.name), nodes)]
    counts = {name: len(topic.partitions) for name, topic in found.items()}
    faults += counted(visible, counts, visit.settings)
    for finding in faults:
        yield finding
    well = [topic for topic in wanted if topic.name in found and not _concerns(topic, faults)]
    yield Seen(f"{len(well)} of {len(wanted)} topics are as they are to be")


def _none(wanted: Sequence[Topic]) -> Finding:
    return error(
        Fault.TOPIC_MISSING,
        "topics",
        f"None of our {len(wanted)} topics is there: {', '.join(topic.name for topic in wanted)}.",
        "Start a worker, which makes them where it may. Where they should be there, see whether STREAMAPP_BROKER and "
        "the names of topics are those of the other parts.",
        "streamapp worker",
    )


def _concerns(topic: Topic, faults: Collection[Finding]) -> bool:
    return any(finding.about == f"topic {topic.name}" for finding in faults)


async def _found(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, Found]:
    """Return those topics that are there. All are asked for: a broker may make what is asked for by name."""
    there = {one["topic"]: one["partitions"] for one in await admin.describe_topics() if one["topic"] in names}
    configs = await _configs(admin, there) if there else {}
    return {name: Found(tuple(partitions), configs.get(name)) for name, partitions in there.items()}


async def _configs(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, Mapping[str, str]]:
    """Return the settings of topics, by topic; none of those whose settings we may not see."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(names)]
    try:
        answers = await admin.describe_configs(resources)
    except KafkaError:
        return {}
    described = [one for answer in answers for one in answer.resources]
    return {name: _config(entries) for code, _, _, name, entries in described if not code}


def _config(entries: Any) -> dict[str, str]:
    return {entry[0]: entry[1] for entry in entries if entry[0] in _LOOKED_AT}


def _unseen(names: Collection[str]) -> Finding:
    return note(
        Fault.TOPIC_UNSEEN,
        ", ".join(sorted(names)),
        "We may not see how these topics are set (retention, compaction, size of records).",
        "Give the user of STREAMAPP_SASL_USERNAME DescribeConfigs on them, or look as another.",
    )
