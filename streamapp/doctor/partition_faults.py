"""What is wrong with the numbers of partitions, which topics have together. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import Topic
from streamapp.doctor.findings import Fault, Finding, error, warning


def counted(wanted: Sequence[Topic], counts: Mapping[str, int], settings: Settings) -> Iterator[Finding]:
    """Yield an error for each topic with too few partitions for what goes there, and a warning for each other number.

    Args:
        wanted: The topics as our parts would make them.
        counts: Partitions by topic, of those that are there.
        settings: The settings in force.
    """
    needed = max((counts[topic] for topic in settings.input_topics if topic in counts), default=0)
    others: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for topic in wanted:
        count = counts.get(topic.name, topic.partitions)
        if topic.name in {settings.predictions_topic, settings.dead_letters_topic} and count < needed:
            yield _too_few(topic.name, count, needed)
        elif count != topic.partitions:
            others[count, topic.partitions, _variable(topic, settings)].append(topic.name)
    for (count, given, variable), names in others.items():
        yield _other(names, count, given, variable)


def _too_few(name: str, count: int, needed: int) -> Finding:
    # A record's outcome goes to the partition with its own number.
    return error(
        Fault.TOPIC_PARTITIONS,
        f"topic {name}",
        f"It has {_partitions(count)}, and requests come on {needed}: what comes of those on the others has no "
        "place.",
        "Add the missing ones.",
        f"rpk topic add-partitions {name} -n {needed - count}",
    )


def _other(names: Sequence[str], count: int, given: int, variable: str) -> Finding:
    have = f"{'has' if len(names) == 1 else 'have'} {_partitions(count)}"
    if not variable:
        what, mend = f"{', '.join(names)} {have}, and one is enough.", "Make it anew with one, while no part runs."
    else:
        what = f"{', '.join(names)} {have}, {variable} is {given}: that counts where topics are created."
        mend = f"Set {variable} to {count} for every part{', or add partitions to each' if count < given else ''}."
    command = f"rpk topic add-partitions {' '.join(names)} -n {given - count}" if count < given else ""
    return warning(Fault.TOPIC_PARTITIONS, variable or f"topic {names[0]}", what, mend, command)


def _variable(topic: Topic, settings: Settings) -> str:
    """Return the setting that says how many partitions a topic is created with; "" where that is always one."""
    if topic.name == settings.replies_topic:
        return "STREAMAPP_REPLY_PARTITIONS"
    single = {settings.switches_topic, settings.redriven_topic, settings.models_topic, settings.status_topic}
    return "" if topic.name in single else "STREAMAPP_PARTITIONS"


def _partitions(count: int) -> str:
    return f"{count} partition{'' if count == 1 else 's'}"
