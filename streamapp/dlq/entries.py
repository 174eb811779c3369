"""Dead letters as they are printed: JSON objects for scripts. Pure."""

import base64
from typing import Any

import msgspec

from streamapp.dlq.letters import Letter
from streamapp.dlq.times import iso


class Place(msgspec.Struct, frozen=True):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Entry(msgspec.Struct, frozen=True):
    """A dead letter without its bytes.

    Attributes:
        id: The record's id.
        time: When it was written to the dead-letter topic; UTC, ISO 8601.
        code: Why it was refused, one of `contracts.errors.Code`; `unknown` where the record is none of ours.
        error: Class name of the error.
        message: One sentence for a person.
        model: The alias asked for, "" where it is not known.
        version: Version of the model that refused it, "" where none was reached.
        attempt: How often the record has failed.
        size: Bytes of the record's value.
        origin: Where the record stands on its input topic.
        letter: Where the dead letter stands.
        redriven: When it was put back on its input topic; None where it was not.
    """

    id: str
    time: str
    code: str
    error: str
    message: str
    model: str
    version: str
    attempt: int
    size: int
    origin: Place
    letter: Place
    redriven: str | None


def to_entry(letter: Letter) -> Entry:
    """Return what is printed of a dead letter in a list."""
    dead = letter.dead
    return Entry(
        id=letter.id,
        time=iso(letter.timestamp),
        code=letter.code,
        error=dead.error,
        message=dead.message,
        model=dead.model,
        version=dead.version,
        attempt=dead.attempt,
        size=len(dead.value or b""),
        origin=Place(dead.topic, dead.partition, dead.offset),
        letter=Place(letter.topic, letter.partition, letter.offset),
        redriven=None if letter.redriven is None else iso(letter.redriven),
    )


def in_full(letter: Letter) -> dict[str, Any]:
    """Return all of a dead letter: its entry, and `key`, `value` and `headers` as they came.

    Bytes are `{"text": ...}` where they are UTF-8 and `{"base64": ...}` where not; null stays null.
    """
    entry: dict[str, Any] = msgspec.to_builtins(to_entry(letter))
    return entry | {
        "key": _as_json(letter.dead.key),
        "value": _as_json(letter.dead.value),
        "headers": [{"name": name, "value": _as_json(value)} for name, value in letter.dead.headers],
        "left_out": letter.left_out,
    }


def _as_json(raw: bytes | None) -> dict[str, str] | None:
    if raw is None:
        return None
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
