"""Replies: a copy of a record's outcome for whoever waits for it. Pure.

A request that somebody waits for says so in two headers (`codec.REPLY_TO`, `codec.REPLY_PARTITION`); the reply goes
to that partition of the replies topic, together with the outcome itself. It is a prediction's JSON, or no value and
the headers of a dead letter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from streamapp.contracts import codec, trace
from streamapp.contracts.messages import Headers
from streamapp.scoring.records import Outcome


class Answer(NamedTuple):
    """A reply.

    Attributes:
        partition: Partition of the replies topic.
        value: The prediction's JSON; None where the record was refused.
        headers: Id of the request, who waits, and its trace.
    """

    partition: int
    value: bytes | None
    headers: list[tuple[str, bytes]]


def answers(outcome: Outcome, partitions: int) -> Iterator[Answer]:
    """Return the replies to the records of an outcome that somebody waits for.

    Args:
        outcome: What became of the records.
        partitions: How many partitions the replies topic has; who asks for another gets no reply.
    """
    for scored in outcome.predictions:
        for partition, waits in _waits(scored.record.headers, partitions):
            headers = [("ce_id", scored.id.encode()), waits, ("ce_type", codec.PREDICTION_TYPE)]
            yield Answer(partition, scored.value, headers + trace.carried(scored.record.headers))
    for letter in outcome.dead_letters:
        for partition, waits in _waits(letter.headers, partitions):
            name = codec.record_id(letter.headers, letter.topic, letter.partition, letter.offset)
            reason = codec.dead_letter_headers(msgspec.structs.replace(letter, headers=()))
            carried = trace.carried(letter.headers)
            yield Answer(partition, None, [("ce_id", name.encode()), waits, *reason, *carried])


def _waits(headers: Headers, partitions: int) -> Iterator[tuple[int, tuple[str, bytes]]]:
    """Yield the partition of the reply and the header that says who waits; nothing where nobody does."""
    found = dict(headers)
    partition = codec.whole(found.get(codec.REPLY_PARTITION))
    waits = found.get(codec.REPLY_TO)
    if waits and len(waits) <= codec.MAX_ID and 0 <= partition < partitions:
        yield partition, (codec.REPLY_TO, waits)
