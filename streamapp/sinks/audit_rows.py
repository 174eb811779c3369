"""Rows of the CSV audit: how they are written, and the position that each carries. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from streamapp.contracts import codec
from streamapp.sinks.ports import Newest, Position, Predicted

#: The older system's four columns, then ours, as they were while there was one input topic.
_FORMER: Final = (
    *("timestamp", "modelo", "prediccion", "data"),
    *("id", "version", "partition", "offset", "input_offset", "watermark"),
)
#: `input_offset` and `watermark` are those of `ports.Newest` for `input_topic`; `others` has the same of the other
#: input topics, `TOPIC:OFFSET:WATERMARK` each, so that a partition's last row alone says where it stands.
COLUMNS: Final = (*_FORMER, "input_topic", "others")
FORMER_HEADER: Final = ",".join(_FORMER).encode()
HEADER: Final = ",".join(COLUMNS).encode()

#: A spreadsheet takes a cell that starts with one of these for a formula.
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: `2026-11-22T01:12:27`, without the milliseconds and the zone (UTC) of a prediction's timestamp.
_SECONDS: Final = 19
#: Cells that say a row's position; in rows of former versions the numbers alone.
_TAIL: Final = 6
_FORMER_TAIL: Final = 4
#: Where a prediction tells no request.
_NONE: Final = Newest(-1, -1)


def rows(entries: Sequence[Predicted]) -> bytes:
    """Return the lines of the entries."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_row, entries))
    return text.getvalue().encode(errors="replace")


def position(line: bytes, shared: str) -> tuple[int, Position] | None:
    """Return partition and position that a line carries, None where it is no row.

    Only the cells at its end are looked at: they are never quoted.

    Args:
        line: The line.
        shared: Input topic of rows of former versions, which name none.
    """
    tail = line.decode(errors="replace").rstrip("\r\n").rsplit(",", _TAIL)[-_TAIL:]
    former = tail[-1] and ":" not in tail[-1]
    try:
        *numbers, topic, others = (*tail[-_FORMER_TAIL:], shared, "") if former else tail
        partition, offset, input_offset, watermark = map(int, numbers)
        newest = {name: Newest(int(at), int(time)) for name, at, time in (cell.split(":") for cell in others.split())}
    except ValueError:
        return None
    if topic and (input_offset, watermark) != _NONE:
        newest[topic] = Newest(input_offset, watermark)
    return partition, Position(offset + 1, newest)


def _row(entry: Predicted) -> tuple[str | int, ...]:
    prediction, place = entry.prediction, entry.position
    return (
        _cell(prediction.timestamp[:_SECONDS]),
        _cell(prediction.model),
        codec.encode(prediction.predictions).decode(),
        _cell(bytes(prediction.data).decode(errors="replace")),
        _cell(prediction.id),
        _cell(prediction.version),
        entry.partition,
        place.offset - 1,
        *place.newest.get(entry.input_topic, _NONE),
        entry.input_topic,
        " ".join(f"{name}:{at}:{time}" for name, (at, time) in place.newest.items() if name != entry.input_topic),
    )


def _cell(text: str) -> str:
    """Return the text on one line, so that the file can be read from its end, and so that no spreadsheet runs it.

    In JSON text a line break is only white space.
    """
    line = text.replace("\r", " ").replace("\n", " ")
    return "'" + line if text.startswith(_FORMULA) else line
