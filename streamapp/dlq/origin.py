"""The input topics as the place where bytes are that were too large for the dead-letter topic."""

from contextlib import aclosing

import msgspec

from streamapp.clients.scanning import partitions, scan
from streamapp.contracts import codec
from streamapp.contracts.messages import DeadLetter
from streamapp.contracts.settings import Settings
from streamapp.dlq.letters import Letter, Record


async def original(settings: Settings, letter: Letter) -> DeadLetter | None:
    """Return a dead letter with the key, bytes and headers that it left out; None where they are not there any more.

    The record at that offset has to have the letter's id, too: an input topic that was made anew has other records.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    dead = letter.dead
    if dead.partition not in await partitions(settings, dead.topic):
        return None
    async with aclosing(scan(settings, dead.topic, {dead.partition: dead.offset})) as batches:
        async for records in batches:
            if not records or not _is(records[0], letter):
                return None
            record = records[0]
            headers = tuple(header for header in record.headers if not header[0].startswith(codec.DEAD_LETTER_PREFIX))
            return msgspec.structs.replace(dead, key=record.key, value=record.value, headers=headers)
    return None


def _is(record: Record, letter: Letter) -> bool:
    name = codec.record_id(record.headers, record.topic, record.partition, record.offset)
    return record.offset == letter.dead.offset and name == letter.id
