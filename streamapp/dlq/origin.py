"""The input topic as the place where bytes are that were too large for the dead-letter topic."""

from contextlib import aclosing

import msgspec

from streamapp.contracts.codec import DEAD_LETTER_PREFIX
from streamapp.contracts.messages import DeadLetter
from streamapp.contracts.settings import Settings
from streamapp.dlq.letters import Letter
from streamapp.dlq.reading import partitions, scan


async def original(settings: Settings, letter: Letter) -> DeadLetter | None:
    """Return a dead letter with the key, bytes and headers that it left out; None where they are not there any more.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    dead = letter.dead
    if dead.partition not in await partitions(settings, dead.topic):
        return None
    async with aclosing(scan(settings, dead.topic, {dead.partition: dead.offset})) as batches:
        async for records in batches:
            if not records or records[0].offset != dead.offset:
                return None
            record = records[0]
            headers = tuple(header for header in record.headers if not header[0].startswith(DEAD_LETTER_PREFIX))
            return msgspec.structs.replace(dead, key=record.key, value=record.value, headers=headers)
    return None
