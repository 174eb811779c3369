"""Rows of the CSV audit: how they are written, and the position that each carries. Pure."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from streamapp.contracts import codec
from streamapp.sinks.ports import Position, Predicted

#: The older system's four columns, then ours. `input_offset` and `watermark` are those of `ports.Position`.
COLUMNS: Final = (
    *("timestamp", "modelo", "prediccion", "data"),
    *("id", "version", "partition", "offset", "input_offset", "watermark"),
)
HEADER: Final = ",".join(COLUMNS).encode()

#: A spreadsheet takes a cell that starts with one of these for a formula.
#: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: `2026-11-22T01:12:27`, without the milliseconds and the zone (UTC) of a prediction's timestamp.
_SECONDS: Final = 19
#: Numbers at the end of a row.
_TAIL: Final = 4


def rows(entries: Sequence[Predicted]) -> bytes:
    """Return the lines of the entries."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(map(_row, entries))
    return text.getvalue().encode(errors="replace")


def position(line: bytes) -> tuple[int, Position] | None:
    """Return partition and position that a line carries, None where it is no row.

    Only the numbers at its end are looked at: they are never quoted.
    """
    cells = line.rsplit(b",", _TAIL)
    try:
        partition, offset, input_offset, watermark = map(int, cells[-_TAIL:])
    except ValueError:
        return None
    return partition, Position(offset + 1, input_offset, watermark)


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
        place.input_offset,
        place.watermark,
    )


def _cell(text: str) -> str:
    """Return the text on one line, so that the file can be read from its end, and so that no spreadsheet runs it.

    In JSON text a line break is only white space.
    """
    line = text.replace("\r", " ").replace("\n", " ")
    return "'" + line if text.startswith(_FORMULA) else line
