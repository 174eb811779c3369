"""Outcomes as records of the output topics. Pure."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from streamapp.contracts import codec, trace
from streamapp.contracts.messages import DeadLetter, Headers
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Switch
from streamapp.delivery import replies, wire
from streamapp.delivery.wire import VARINT, Output
from streamapp.scoring.records import Outcome, Scored

T = TypeVar("T")

#: What the lengths of a header's name and value take, at most.
_HEADER_BYTES: Final = 10
#: Headers that what becomes of a record takes over from it: its trace, and whose it is.
_CARRIED: Final = trace.HEADERS | {codec.OWNER}
#: Where predictions, and where dead letters and switches, have the place of their input; attrgetter runs in C.
_SCORED_SOURCE: Final = attrgetter("record.topic", "record.partition")
_SOURCE: Final = attrgetter("topic", "partition")
_PARTITION: Final = attrgetter("partition")
#: Encoded headers of a prediction: how many there are where none is taken over, and the names of those that differ.
_COUNT: Final = 9
_HEADERS: Final = VARINT[_COUNT]
_ID: Final = wire.field(b"ce_id")
_OFFSET: Final = wire.field(codec.INPUT_OFFSET.encode())
_TIME: Final = wire.field(codec.INPUT_TIMESTAMP.encode())


class Target(NamedTuple):
    """A partition of an output topic."""

    topic: str
    partition: int


class Share(NamedTuple):
    """What became of the records of one input partition.

    Attributes:
        topic: Input topic.
        partition: Input partition.
        end: Offset behind the last of the records: what is to be committed with the outcome.
        outcome: What became of them.
    """

    topic: str
    partition: int
    end: int
    outcome: Outcome


def shares(outcome: Outcome) -> Iterator[Share]:
    """Return an outcome by input partition. That of a batch of the transport is all of one."""
    predictions = dict(_by_partition(outcome.predictions, _SCORED_SOURCE))
    dead_letters = dict(_by_partition(outcome.dead_letters, _SOURCE))
    switches = dict(_by_partition(outcome.switches, _SOURCE))
    for source in {**predictions, **dead_letters}:
        part = Outcome(predictions.get(source, []), dead_letters.get(source, []), switches.get(source, []))
        topic, partition = source
        yield Share(topic, partition, 1 + max(_offsets(part)), part)


def first_offset(outcome: Outcome) -> int:
    """Return the smallest input offset of an outcome."""
    return min(_offsets(outcome))


def after(outcome: Outcome, offset: int) -> Outcome:
    """Return what became of the records from an offset on, of one input partition.

    A switch that is before it takes effect there: what became of the records in between somebody else has said.
    """
    if first_offset(outcome) >= offset:
        return outcome
    return Outcome(
        [scored for scored in outcome.predictions if scored.record.offset >= offset],
        [letter for letter in outcome.dead_letters if letter.offset >= offset],
        [msgspec.structs.replace(switch, offset=max(switch.offset, offset)) for switch in outcome.switches],
    )


def _offsets(outcome: Outcome) -> list[int]:
    return [scored.record.offset for scored in outcome.predictions] + [
        letter.offset for letter in outcome.dead_letters
    ]


def outputs(
    outcome: Outcome, settings: Settings, clock: Callable[[], float] = time.time
) -> Iterator[tuple[Target, list[Output]]]:
    """Return the records of an outcome by partition, each in input order.

    A record's outcome goes to the partition with its own number, which keeps the order of the input. Whoever waits
    for it gets a copy.
    """
    now = int(clock() * 1000)
    source = f"/streamapp/worker/{settings.group}".encode()
    carrying = not _CARRIED.isdisjoint(outcome.header_names)
    for (topic, partition), scored in _by_partition(outcome.predictions, _SCORED_SOURCE):
        common = _common(source, topic, partition)
        records = [_prediction(one, common, now, carrying=carrying) for one in scored]
        yield Target(settings.predictions_topic, partition), records
    for partition, letters in _by_partition(outcome.dead_letters, _PARTITION):
        records = [_dead_letter(fitting(letter, settings.max_output_bytes), now) for letter in letters]
        yield Target(settings.dead_letters_topic, partition), records
    answers = replies.answers(outcome, settings.reply_partitions) if codec.REPLY_TO in outcome.header_names else ()
    for partition, waited in _by_partition(answers, _PARTITION):
        yield (
            Target(settings.replies_topic, partition),
            [Output(None, answer.value, wire.headers(answer.headers), now) for answer in waited],
        )
    if outcome.switches:
        yield Target(settings.switches_topic, 0), [_switch(switch, now) for switch in outcome.switches]


def fitting(letter: DeadLetter, limit: int) -> DeadLetter:
    """Return a dead letter that its topic takes: one too large goes without its bytes and says where they are.

    Of its headers it keeps its id, by which it is found, its trace and its owner. The broker's limit is on compressed
    bytes, so a record may be larger here than it was on its way in.
    """
    headers = sum(len(name.encode()) + len(value or b"") + _HEADER_BYTES for name, value in letter.headers)
    size = len(letter.key or b"") + len(letter.value or b"") + headers
    if size <= limit:
        return letter
    place = f"{letter.topic}-{letter.partition} at offset {letter.offset}"
    message = f"{letter.message} (Its {size} bytes do not fit this topic; they are in {place}.)"
    name = codec.record_id(letter.headers, letter.topic, letter.partition, letter.offset)
    kept = (("ce_id", name.encode()), *_carried(letter.headers))
    return msgspec.structs.replace(letter, key=None, value=None, headers=kept, message=message)


def _by_partition(items: Iterable[T], partition: "attrgetter[Any]") -> Iterable[tuple[Any, list[T]]]:
    groups: dict[Any, list[T]] = {}
    for key, run in groupby(items, partition):
        groups.setdefault(key, []).extend(run)
    return groups.items()


def _common(source: bytes, topic: str, partition: int) -> bytes:
    """Return what stands between a prediction's id and its offset, the same for all of a partition."""
    same = {
        "ce_source": source,
        "ce_type": codec.PREDICTION_TYPE,
        "ce_specversion": codec.SPEC_VERSION,
        codec.CONTENT_TYPE[0]: codec.CONTENT_TYPE[1],
        codec.INPUT_TOPIC: topic.encode(),
        codec.INPUT_PARTITION: str(partition).encode(),
    }
    return b"".join(wire.header(name, value) for name, value in same.items()) + _OFFSET


def _prediction(scored: Scored, common: bytes, now: int, *, carrying: bool) -> Output:
    record, name = scored.record, scored.id.encode()
    offset, made = b"%d" % record.offset, b"%d" % record.timestamp
    headers = [_HEADERS, _ID, VARINT[len(name)], name, common, VARINT[len(offset)], offset]
    headers += _TIME, VARINT[len(made)], made
    if carrying and (carried := _carried(record.headers)):
        headers[0] = VARINT[_COUNT + len(carried)]
        headers += (wire.header(*header) for header in carried)
    return Output(record.key, scored.value, b"".join(headers), now)


def _carried(headers: Headers) -> list[tuple[str, bytes]]:
    owner = codec.owner(headers)
    return [*trace.carried(headers), *([(codec.OWNER, owner.encode())] if owner else ())]


def _dead_letter(letter: DeadLetter, now: int) -> Output:
    return Output(letter.key, letter.value, wire.headers(codec.dead_letter_headers(letter)), now)


def _switch(switch: Switch, now: int) -> Output:
    return Output(switch.alias.encode(), codec.encode(switch), wire.headers(()), now)
