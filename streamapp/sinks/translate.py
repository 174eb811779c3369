"""Records of a topic to what a sink keeps of them. Pure; raises nothing."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from aiokafka import ConsumerRecord
from msgspec import Struct

from streamapp.contracts import codec, trace
from streamapp.contracts.errors import MalformedRecord, RecordError
from streamapp.contracts.messages import Headers
from streamapp.sinks.ports import Batch, Newest, Position, Predicted

T = TypeVar("T")

#: What a broker takes for a topic's name. Sinks keep the name: nothing else may get in.
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")

#: Makes a batch of records that follow a position of a partition.
Translate = Callable[[int, Position, Sequence[ConsumerRecord]], Batch[T]]


class _Origin(Struct, frozen=True):
    """Where a prediction's request stood, and when it was made (ms)."""

    topic: str
    offset: int
    timestamp: int


def requests(partition: int, position: Position, records: Sequence[ConsumerRecord]) -> Batch[bytes]:
    """Keep each request as the JSON of the older system's stream; what is no request is stepped over.

    The layout is `{"payload": {"data": [...], "columns": null | [...]}, "model": "svm"}`: the rows' text is taken
    over as it is, and `columns` is there even where the record leaves it out.
    """
    entries = [entry for entry in map(_request, records) if entry is not None]
    after = Position(records[-1].offset + 1)
    return Batch(partition, position, after, entries, strangers=len(records) - len(entries))


def predictions(
    shared: str, partition: int, position: Position, records: Sequence[ConsumerRecord]
) -> Batch[Predicted]:
    """Keep each prediction once, however often its request was predicted.

    A worker that died before its commit has its last requests predicted a second time. Predictions of one input
    partition lie in the partition of the same number, those of each input topic in input order; so a repeat is one
    whose input offset is not above the newest one kept of its topic. The same is true of the first requests on an
    input topic that was made anew, but those are newer than any request before them. Predictions that do not tell
    their request, or one of another partition, are never taken for repeats.

    Args:
        shared: Input topic of predictions that name none.
        partition: Partition of the records.
        position: Position that they follow.
        records: Neighbouring records, at least one.
    """
    entries: list[Predicted] = []
    repeats, here = 0, position
    for record in records:
        origin = _origin(record.headers, partition, shared)
        if origin is not None and _is_repeat(here, origin):
            repeats += 1
            here = Position(record.offset + 1, here.newest)
            continue
        here = _behind(here, record.offset, origin)
        entry = _predicted(record, partition, here, origin.topic if origin else "")
        if entry is not None:
            entries.append(entry)
    return Batch(partition, position, here, entries, repeats, len(records) - repeats - len(entries))


def _request(record: ConsumerRecord) -> bytes | None:
    try:
        entry = codec.encode(codec.decode_request(record.value))
        entry.decode()  # the rows were taken over unread; a program that reads them as JSON needs UTF-8
    except (RecordError, UnicodeDecodeError):
        return None
    return entry


def _predicted(record: ConsumerRecord, partition: int, position: Position, topic: str) -> Predicted | None:
    if record.value is None:
        return None
    try:
        prediction = codec.decode_prediction(record.value)
    except MalformedRecord:
        return None
    traceparent, owner = _traceparent(record.headers), codec.owner(record.headers)
    return Predicted(prediction, record.value, partition, position, topic, traceparent, owner)


def _traceparent(headers: Headers) -> str:
    return (trace.traceparent(headers) or b"").decode()


def _is_repeat(position: Position, origin: _Origin) -> bool:
    newest = position.newest.get(origin.topic)
    return newest is not None and origin.offset <= newest.offset and origin.timestamp <= newest.watermark


def _behind(position: Position, offset: int, origin: _Origin | None) -> Position:
    if origin is None:
        return Position(offset + 1, position.newest)
    before = position.newest.get(origin.topic)
    watermark = max(before.watermark, origin.timestamp) if before else origin.timestamp
    return Position(offset + 1, {**position.newest, origin.topic: Newest(origin.offset, watermark)})


def _origin(headers: Headers, partition: int, shared: str) -> _Origin | None:
    found = dict(headers)
    try:
        topic = found.get(codec.INPUT_TOPIC, shared.encode()).decode("ascii")
        if int(found[codec.INPUT_PARTITION]) != partition or not _TOPIC.fullmatch(topic):
            return None
        return _Origin(topic, int(found[codec.INPUT_OFFSET]), int(found.get(codec.INPUT_TIMESTAMP, b"-1")))
    except (AttributeError, KeyError, TypeError, ValueError):  # a header without a value is None
        return None
