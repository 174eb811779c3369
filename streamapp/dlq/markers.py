"""The markers of what was redriven, on a topic of their own: one a dead letter, keyed by its place."""

from typing import Final

import msgspec

from streamapp.clients.scanning import scan
from streamapp.contracts.messages import Marker
from streamapp.contracts.settings import Settings
from streamapp.dlq.letters import Letter, Record

_MARKER: Final = msgspec.json.Decoder(Marker)


class Markers:
    """Which dead letters of one topic were redriven, and when. Takes about 300 bytes a letter.

    Args:
        topic: The dead-letter topic.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._times: dict[tuple[str, int], int] = {}

    def add(self, record: Record) -> None:
        """Take a record of the markers' topic. One that is no marker of this dead-letter topic says nothing."""
        place = (record.key or b"").decode(errors="replace")
        if place.rpartition("-")[0].rpartition("-")[0] != self._topic:
            return
        try:
            marker = _MARKER.decode(record.value or b"")
        except msgspec.DecodeError:
            return
        self._times[place, marker.written] = record.timestamp

    def redriven(self, record: Record) -> int | None:
        """Return when the dead letter in a record was redriven, in milliseconds; None where it was not."""
        return self._times.get((place(record), record.timestamp))


def place(letter: Letter | Record) -> str:
    """Return the place of a dead letter, which is the key of its marker: `topic-partition-offset`."""
    return f"{letter.topic}-{letter.partition}-{letter.offset}"


async def read_markers(settings: Settings) -> Markers:
    """Read all markers that are there now.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    markers = Markers(settings.dead_letters_topic)
    async for records in scan(settings, settings.redriven_topic):
        for record in records:
            markers.add(record)
    return markers
