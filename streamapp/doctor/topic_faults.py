"""What is wrong with a topic, by what the parts of ours rely on. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from streamapp.contracts.topics import Topic
from streamapp.doctor.findings import Fault, Finding, error, warning

_HOUR_MS: Final = 60 * 60 * 1000
_NODES_TO_LOSE_ONE: Final = 3
_ALTER: Final = "Set it as our parts do."


class Found(NamedTuple):
    """A topic as the broker has it.

    Attributes:
        partitions: Its partitions, as aiokafka describes them.
        config: Those of its settings that count here; None where we may not see them.
    """

    partitions: tuple[Mapping[str, Any], ...]
    config: Mapping[str, str] | None


def judged(topic: Topic, found: Found | None, nodes: int) -> Iterator[Finding]:
    """Yield what is wrong with a topic, but for the number of its partitions.

    Args:
        topic: As our parts would make it.
        found: As it is; None: it is not there.
        nodes: Nodes that the broker has.
    """
    if found is None:
        yield _missing(topic)
        return
    yield from _offline(topic, found)
    yield from _replicas(topic, found, nodes)
    if found.config is not None:
        for look in (_cleanup, _retention, _record_size):
            yield from look(topic, found.config)


def _missing(topic: Topic) -> Finding:
    config = " ".join(f"-c {name}={value}" for name, value in topic.config.items())
    return error(
        Fault.TOPIC_MISSING,
        f"topic {topic.name}",
        "It is not there.",
        "Start a worker (streamapp worker), which makes what is missing where it may; or make it yourself. To a user "
        "without Describe on it, it looks the same.",
        f"rpk topic create {topic.name} -p {topic.partitions} -r {topic.replication} {config}",
    )


def _offline(topic: Topic, found: Found) -> Iterator[Finding]:
    leaderless = [part["partition"] for part in found.partitions if part["leader"] < 0]
    if leaderless:
        yield error(
            Fault.TOPIC_OFFLINE,
            f"topic {topic.name}",
            f"No node leads its partitions {_listed(leaderless)}: they can be neither read nor written.",
            "Start the nodes of the broker that have their replicas.",
        )
    if leaderless:
        return
    needed = _min_insync(found)
    short = [part["partition"] for part in found.partitions if len(part["isr"]) < needed <= len(part["replicas"])]
    if short:
        yield error(
            Fault.TOPIC_MIN_INSYNC,
            f"topic {topic.name}",
            f"Of its partitions {_listed(short)} fewer replicas are in sync than the {needed} that a write needs "
            "(min.insync.replicas): none is acknowledged.",
            "Start the missing nodes of the broker; where all run, wait until they have caught up.",
        )
    behind = [
        part["partition"]
        for part in found.partitions
        if part["partition"] not in short and len(part["isr"]) < len(part["replicas"])
    ]
    if behind:
        yield warning(
            Fault.TOPIC_REPLICAS,
            f"topic {topic.name}",
            f"Replicas of its partitions {_listed(behind)} are away or behind.",
            "Start the missing nodes of the broker; where all run, wait until they have caught up.",
        )


def _replicas(topic: Topic, found: Found, nodes: int) -> Iterator[Finding]:
    least = min((len(part["replicas"]) for part in found.partitions), default=0)
    needed = _min_insync(found)
    if needed > least:
        yield error(
            Fault.TOPIC_MIN_INSYNC,
            f"topic {topic.name}",
            f"A write needs {needed} replicas (min.insync.replicas), and it has {least}: none is ever acknowledged.",
            "Give it more replicas, or set min.insync.replicas to what it has.",
            f"rpk topic alter-config {topic.name} --set min.insync.replicas={least}",
        )
    if least < topic.replication:
        yield warning(
            Fault.TOPIC_REPLICAS,
            f"topic {topic.name}",
            f"It has {least} replicas, STREAMAPP_REPLICATION is {topic.replication}: that counts where a topic is "
            "created, and not later.",
            "Assign more replicas to it (kafka-reassign-partitions; Redpanda: replication.factor).",
            f"rpk topic alter-config {topic.name} --set replication.factor={topic.replication}",
        )
    elif least == 1 and nodes >= _NODES_TO_LOSE_ONE:
        yield warning(
            Fault.TOPIC_REPLICAS,
            f"topic {topic.name}",
            f"It has one replica on a broker of {nodes} nodes: what that node loses is lost.",
            "Assign more replicas to it, and set STREAMAPP_REPLICATION to 3.",
            f"rpk topic alter-config {topic.name} --set replication.factor=3",
        )


def _min_insync(found: Found) -> int:
    """Return how many replicas a write needs; where we may not see it, as many as brokers ask for by default."""
    return int((found.config or {}).get("min.insync.replicas") or 1)


def _cleanup(topic: Topic, config: Mapping[str, str]) -> Iterator[Finding]:
    name = "cleanup.policy"
    wanted, is_now = _policies(topic.config[name]), _policies(config.get(name, "delete"))
    if is_now == wanted:
        return
    if "compact" in is_now - wanted:
        harm = "It is compacted: of records with the same key all but the newest are removed."
    elif "delete" in is_now - wanted:
        harm = "It is not kept for good: what is older than its retention is removed."
    else:
        harm = f"It is {','.join(sorted(is_now)) or 'not cleaned'}: it grows without end."
    yield error(Fault.TOPIC_CLEANUP, f"topic {topic.name}", harm, _ALTER, _alter(topic, name, topic.config[name]))


def _policies(text: str) -> set[str]:
    return {part.strip() for part in text.split(",") if part.strip()}


def _retention(topic: Topic, config: Mapping[str, str]) -> Iterator[Finding]:
    name = "retention.ms"
    if name not in topic.config:
        return
    wanted, is_now = int(topic.config[name]), int(config.get(name) or -1)
    if 0 <= is_now < wanted:
        yield warning(
            Fault.TOPIC_RETENTION,
            f"topic {topic.name}",
            f"It keeps records for {_span(is_now)}, not {_span(wanted)}: who reads later finds them gone.",
            f"{_ALTER} Or set STREAMAPP_RETENTION_DAYS to what is meant.",
            _alter(topic, name, str(wanted)),
        )
    size = int(config.get("retention.bytes") or -1)
    if size >= 0:
        yield warning(
            Fault.TOPIC_RETENTION,
            f"topic {topic.name}",
            f"It keeps {size:,} bytes a partition: with much traffic records go before they are read.",
            _ALTER,
            _alter(topic, "retention.bytes", "-1"),
        )


def _record_size(topic: Topic, config: Mapping[str, str]) -> Iterator[Finding]:
    name = "max.message.bytes"
    if name not in topic.config or name not in config:
        return
    wanted, is_now = int(topic.config[name]), int(config[name])
    if is_now < wanted:
        yield error(
            Fault.TOPIC_RECORD_SIZE,
            f"topic {topic.name}",
            f"It takes {is_now:,} bytes at most, and parts of ours write up to {wanted:,}: larger ones are refused.",
            f"{_ALTER} Or lower STREAMAPP_MAX_RECORD_BYTES for every part.",
            _alter(topic, name, str(wanted)),
        )


def _alter(topic: Topic, name: str, value: str) -> str:
    return f"rpk topic alter-config {topic.name} --set {name}={value}"


def _span(milliseconds: int) -> str:
    hours = milliseconds / _HOUR_MS
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:.3g} hours"  # noqa: PLR2004  # two days


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
