"""What becomes of a dead letter that is to be redriven. Pure."""

import gzip
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from streamapp.contracts import codec
from streamapp.contracts.messages import DeadLetter, Headers, Marker
from streamapp.contracts.settings import Settings
from streamapp.dlq.letters import Letter
from streamapp.dlq.markers import place

#: What a record batch adds to a record and to each of its headers, generously.
_FRAME: Final = 24


class Stays(StrEnum):
    """Why a dead letter is not put back on its input topic."""

    MAX_ATTEMPTS = "max_attempts"
    OTHER_TOPIC = "other_topic"
    BYTES_GONE = "bytes_gone"
    TOO_LARGE = "too_large"


WHY: Final = {
    Stays.MAX_ATTEMPTS: "failed STREAMAPP_MAX_ATTEMPTS times",
    Stays.OTHER_TOPIC: "not from STREAMAPP_INPUT_TOPIC or one of STREAMAPP_MODEL_TOPICS",
    Stays.BYTES_GONE: "with bytes too large for the dead-letter topic and gone from the input topic",
    Stays.TOO_LARGE: "too large for the input topic",
}


class Row(NamedTuple):
    """What is written of a record."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        headers = sum(len(name) + len(value or b"") + _FRAME for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + _FRAME


class Back(NamedTuple):
    """A record on its way back to the input topic that it came from.

    Attributes:
        topic: Input topic.
        partition: Partition of the input topic.
        record: Its original key, bytes and headers, with its id and the attempts so far.
        marker: Its marker: keyed by the place of the dead letter.
    """

    topic: str
    partition: int
    record: Row
    marker: Row


def refusal(letter: Letter, settings: Settings) -> Stays | None:
    """Return why a dead letter stays, as far as it says itself; None where it may go."""
    if letter.dead.topic not in settings.input_topics or letter.dead.partition < 0:
        return Stays.OTHER_TOPIC
    if letter.dead.attempt >= settings.max_attempts:
        return Stays.MAX_ATTEMPTS
    return None


def back(letter: Letter, dead: DeadLetter, partitions: Sequence[int], limit: int) -> Back | Stays:
    """Return the record that a dead letter becomes.

    Args:
        letter: The dead letter.
        dead: The same with its original key, bytes and headers.
        partitions: Partitions of its input topic. The record goes to the one it came from, else to any.
        limit: Most bytes of a record on the input topic, as the broker counts: compressed.
    """
    name = codec.record_id(dead.headers, dead.topic, dead.partition, dead.offset)
    partition = dead.partition if dead.partition in partitions else partitions[dead.partition % len(partitions)]
    record = Row(dead.key, dead.value, _headers(dead, name))
    if record.size > limit and _compressed(record) > limit:
        return Stays.TOO_LARGE
    return Back(
        dead.topic, partition, record, Row(place(letter).encode(), codec.encode(Marker(name, letter.timestamp)))
    )


def _compressed(record: Row) -> int:
    value = record.value or b""
    return record.size - len(value) + len(gzip.compress(value))


def _headers(dead: DeadLetter, name: str) -> Headers:
    """Return the original headers; a record that had no id, or none that can be used, gets the one it is known by."""
    kept = dead.headers
    if name == f"{dead.topic}-{dead.partition}-{dead.offset}":
        kept = (*(header for header in kept if header[0] != "ce_id"), ("ce_id", name.encode()))
    return (*kept, (codec.ATTEMPT, str(dead.attempt).encode()))
