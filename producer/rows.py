"""Rows of a file, as a flat request carries them."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from streamapp.contracts.errors import StreamappError

#: A row as JSON: field to value; what is missing is left out.
Row = dict[str, Any]

_BOOLEANS: Final = {"true": True, "false": False}


class UnreadableRows(StreamappError):
    """A file gives no rows; the message says why."""


def read_rows(file: Path, without: Iterable[str] = ()) -> list[Row]:
    """Read the rows of a Parquet, CSV or JSON Lines file.

    A CSV column is of the narrowest of these types that all its values have: boolean, whole number, number, text.

    Args:
        file: `.parquet`, `.csv`, or `.jsonl` with one object a line.
        without: Columns that are left out, such as the label.

    Returns:
        At least one row, without nulls, NaN and empty cells.

    Raises:
        UnreadableRows: The file is not there or not of its kind, has no row, or a library to read it is missing.
    """
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise UnreadableRows(f"{file}: rows come from {', '.join(_READERS)}.")
    try:
        rows = read(file)
    except (OSError, ValueError, csv.Error) as exc:
        raise UnreadableRows(f"{file} cannot be read: {exc}") from exc
    left_out = set(without)
    kept = [{name: value for name, value in row.items() if name not in left_out and _there(value)} for row in rows]
    if not any(kept):
        raise UnreadableRows(f"{file} has no rows.")
    return kept


def _there(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _parquet(file: Path) -> list[Row]:
    try:
        from pyarrow import parquet
    except ModuleNotFoundError as exc:
        raise UnreadableRows(
            f"Parquet files need {exc.name}; install the extra: pip install 'streamapp[worker]'"
        ) from exc
    rows: list[Row] = parquet.read_table(file).to_pylist()  # type: ignore[no-untyped-call]  # it ships no types
    return rows


def _csv(file: Path) -> list[Row]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        names, *rows = csv.reader(lines)
    columns = [_typed(column) for column in zip(*rows, strict=True)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _typed(cells: Sequence[str]) -> Iterator[Any]:
    """Yield the values of a column, None where a cell is empty."""
    given = [cell for cell in cells if cell]
    of_type = next(of_type for of_type in (_boolean, int, float, str) if _all(of_type, given))
    return (of_type(cell) if cell else None for cell in cells)


def _all(of_type: Callable[[str], Any], cells: Iterable[str]) -> bool:
    try:
        for cell in cells:
            of_type(cell)
    except (KeyError, ValueError):
        return False
    return True


def _boolean(cell: str) -> bool:
    return _BOOLEANS[cell.lower()]


def _json_lines(file: Path) -> list[Row]:
    return msgspec.json.Decoder(Row).decode_lines(file.read_bytes())


_READERS: Final = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
