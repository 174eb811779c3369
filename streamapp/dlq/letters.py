"""Dead letters as a person asks for them. Pure."""

from collections.abc import Collection
from typing import Final, Protocol

import msgspec

from streamapp.contracts import codec
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import DeadLetter, Headers

#: What stands for the code of a record that is no dead letter of ours.
UNKNOWN: Final = "unknown"


class Record(Protocol):
    """A record of the dead-letter topic. aiokafka's `ConsumerRecord` is one."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Letter(msgspec.Struct, frozen=True):
    """A dead letter and where it stands.

    Attributes:
        dead: The record that was refused, and why.
        topic: Dead-letter topic.
        partition: Its partition there.
        offset: Its offset there.
        timestamp: When it was written there, in milliseconds.
        redriven: When it was put back on its input topic, in milliseconds; None where it was not.
    """

    dead: DeadLetter
    topic: str
    partition: int
    offset: int
    timestamp: int
    redriven: int | None = None

    @property
    def id(self) -> str:
        """The id of the record that was refused: its `ce_id`, else its place on the input topic."""
        dead = self.dead
        return codec.record_id(dead.headers, dead.topic, dead.partition, dead.offset)

    @property
    def code(self) -> str:
        """Why it was refused."""
        return self.dead.code or UNKNOWN

    @property
    def left_out(self) -> bool:
        """Whether the original bytes were too large for the dead-letter topic and are not in it."""
        return self.dead.value is None and self.dead.code not in {Code.NULL_RECORD, ""}


class Wanted(msgspec.Struct, frozen=True):
    """Which dead letters are asked for. What is empty or None does not restrict.

    Attributes:
        codes: Reasons.
        models: Aliases of models.
        ids: Ids of records.
        since: Earliest time that it was written, in milliseconds.
        until: Time that it was written before, in milliseconds.
    """

    codes: Collection[str] = frozenset()
    models: Collection[str] = frozenset()
    ids: Collection[str] = frozenset()
    since: int | None = None
    until: int | None = None

    def has(self, letter: Letter) -> bool:
        """Say whether a dead letter is asked for."""
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.models or letter.dead.model in self.models)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
            and (not self.ids or letter.id in self.ids)
        )


EVERY: Final = Wanted()


def to_letter(record: Record, redriven: int | None = None) -> Letter:
    """Return a record of the dead-letter topic as a letter."""
    dead = codec.decode_dead_letter(record.key, record.value, record.headers)
    return Letter(dead, record.topic, record.partition, record.offset, record.timestamp, redriven)
