"""Rows of a request against the features of a model: names mapped, types checked, order fixed.

The edge and the worker share it, so that what the edge accepts is what the worker can score.

Names are mapped explicitly: spaces, underscores, hyphens and case are one, so `Work-Life Balance Score` and
`work_life_balance_score` are the same field. Types are strict: `"1.5"` and `true` are no numbers.
"""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

import msgspec

from streamapp.contracts.card import Feature, FeatureType, ModelCard, canonical
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord

#: Values in the order of the card's features; None where the row has none.
Row = tuple[Any, ...]

_PYTHON_TYPES: Final[Mapping[FeatureType, Any]] = {
    "number": float,
    "integer": int,
    "string": str,
    "boolean": bool,
    "timestamp": datetime,
}
_TYPE_NAMES: Final[Mapping[FeatureType, str]] = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a string",
    "boolean": "true or false",
    "timestamp": "an ISO 8601 time",
}
#: Field names are repeated in errors; longer ones are cut.
_MAX_NAME: Final = 60
#: Unknown names that a decoder keeps the nearest known one of. Finding it takes milliseconds, and who sends many rows
#: has the same mistake in all of them.
_MISSPELT: Final = 256


class RowDecoder:
    """Decodes the `data` of requests for one model.

    Rows spelled as on the card go through one compiled msgspec decoder (about a microsecond a row). Any other
    input takes a slower way that maps names and finds the precise error.

    Args:
        card: The model's card.
        max_rows: Most rows that one request may have.

    Raises:
        ValueError: Two features have the same canonical name.
    """

    def __init__(self, card: ModelCard, max_rows: int = 10_000) -> None:
        self.card = card
        self.max_rows = max_rows
        self._features = card.features
        self._index = {canonical(feature.name): i for i, feature in enumerate(card.features)}
        self._nearest = lru_cache(_MISSPELT)(
            partial(_nearest, {name: card.features[i].name for name, i in self._index.items()})
        )
        self._ignored = frozenset(map(canonical, card.ignored))
        if len(self._index) != len(card.features):
            raise ValueError(f"Model {card.alias}: two features differ only in spaces, underscores, hyphens or case.")
        row = _row_struct(card.features)
        self._rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # a struct made at run time
        self._bulk = msgspec.json.Decoder(list[list[row]])  # type: ignore[valid-type]  # as above
        self._checks = tuple(_check(feature) for feature in card.features)
        self._nothing: Row = (None,) * len(card.features)

    def decode(self, data: bytes | msgspec.Raw, columns: Sequence[str] | None = None) -> list[Row]:
        """Decode one request's rows.

        Args:
            data: JSON text of an array of objects, or of arrays where `columns` is given.
            columns: Names for rows given as arrays; for objects, the fields to use (others are left alone, as
                `pandas.DataFrame(data, columns=columns)` does).

        Returns:
            At least one row, values in the order of the card's features.

        Raises:
            InvalidRows: A row does not fit; `code` and `pointer` say which and why.
            MalformedRecord: `data` is not JSON.
        """
        if columns is None:
            try:
                rows = self._rows.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                rows = None  # another spelling, or an error to find
            if rows and len(rows) <= self.max_rows:
                values = [msgspec.structs.astuple(row) for row in rows]
                if self._nothing not in values:
                    return values
        return self._decode_slowly(data, columns)

    def decode_many(self, datas: Sequence[bytes | msgspec.Raw]) -> list[list[Row]] | None:
        """Decode the rows of many requests in one go, or return None where any of them needs `decode`."""
        try:
            requests = self._bulk.decode(b"[" + b",".join(datas) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if len(requests) != len(datas) or not all(0 < len(rows) <= self.max_rows for rows in requests):
            return None
        astuple = msgspec.structs.astuple
        decoded = [[astuple(row) for row in rows] for rows in requests]
        return None if any(self._nothing in rows for rows in decoded) else decoded

    def as_records(self, rows: Sequence[Row]) -> msgspec.Raw:
        """Return rows as the JSON text of objects in the card's spelling, without the fields that they lack."""
        names = [feature.name for feature in self._features]
        records = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
        return msgspec.Raw(msgspec.json.encode(records))

    def _decode_slowly(self, data: bytes | msgspec.Raw, columns: Sequence[str] | None) -> list[Row]:
        rows = _json_rows(data)
        if not rows:
            raise InvalidRows(Code.EMPTY_DATA, "`data` is empty; send at least one row.", "/data")
        if len(rows) > self.max_rows:
            raise InvalidRows(
                Code.TOO_MANY_ROWS,
                f"{len(rows)} rows; at most {self.max_rows} a request (max_rows).",
                "/data",
            )
        positions = self._positions(columns) if columns is not None else None
        return [self._row(row, i, positions) for i, row in enumerate(rows)]

    def _positions(self, columns: Sequence[str]) -> list[int | None]:
        positions = [self._position(name, f"/columns/{i}") for i, name in enumerate(columns)]
        known = [position for position in positions if position is not None]
        if len(set(known)) != len(known):
            raise InvalidRows(Code.DUPLICATE_FIELD, "`columns` names a field twice.", "/columns")
        return positions

    def _position(self, name: str, pointer: str) -> int | None:
        """Return the place of a field among the features, or None where it is one to ignore."""
        position = self._index.get(canonical(name))
        if position is not None or canonical(name) in self._ignored:
            return position
        nearest = self._nearest(canonical(name[:_MAX_NAME]))
        raise InvalidRows(
            Code.UNKNOWN_FIELD,
            f"Unknown field {name[:_MAX_NAME]!r}; the nearest that model {self.card.alias} knows is {nearest!r}.",
            pointer,
        )

    def _row(self, row: Any, i: int, positions: list[int | None] | None) -> Row:
        values: list[Any] = [None] * len(self._features)
        pointer = f"/data/{i}"
        if isinstance(row, dict):
            self._fill_from_object(row, values, pointer, positions)
        elif positions is None:
            raise InvalidRows(
                Code.WRONG_TYPE, "A row is an object, or an array where `columns` names its fields.", pointer
            )
        elif not isinstance(row, list) or len(row) != len(positions):
            raise InvalidRows(
                Code.COLUMNS_MISMATCH,
                f"A row must be an array of {len(positions)} values, as `columns` has.",
                pointer,
            )
        else:
            for j, (position, value) in enumerate(zip(positions, row, strict=True)):
                if position is not None:
                    values[position] = self._checks[position](value, f"{pointer}/{j}")
        self._require(values, pointer)
        return tuple(values)

    def _fill_from_object(
        self, row: dict[str, Any], values: list[Any], pointer: str, positions: list[int | None] | None
    ) -> None:
        seen: set[int] = set()
        for name, value in row.items():
            where = f"{pointer}/{_escape(name)}"
            if positions is not None and self._index.get(canonical(name), -1) not in positions:
                continue
            position = self._position(name, where)
            if position is None:
                continue
            if position in seen:
                raise InvalidRows(Code.DUPLICATE_FIELD, f"Field {name[:_MAX_NAME]!r} is given twice.", where)
            seen.add(position)
            values[position] = self._checks[position](value, where)

    def _require(self, values: list[Any], pointer: str) -> None:
        if tuple(values) == self._nothing:
            raise InvalidRows(Code.EMPTY_DATA, "The row has no value at all; send at least one feature.", pointer)
        for feature, value in zip(self._features, values, strict=True):
            if value is None and feature.required:
                raise InvalidRows(Code.MISSING_FIELD, f"Field {feature.name!r} is required.", pointer)


def _nearest(names: Mapping[str, str], name: str) -> str:
    """Return the name, of those by canonical name, that is most like a canonical one."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    return names[close[0]] if close else ""


def _row_struct(features: Sequence[Feature]) -> type[msgspec.Struct]:
    """Make the struct of a row: fields in the card's order, optional where the card says so."""
    fields: list[Any] = []
    rename = {f"f{i}": feature.name for i, feature in enumerate(features)}
    # A struct wants required fields first; keyword-only ones may stand in any order.
    for i, feature in enumerate(features):
        python_type = _PYTHON_TYPES[feature.type]
        fields.append((f"f{i}", python_type) if feature.required else (f"f{i}", python_type | None, None))
    return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)


def _json_rows(data: bytes | msgspec.Raw) -> list[Any]:
    try:
        rows = msgspec.json.decode(data)
    except msgspec.ValidationError as exc:  # a number that no float can hold
        raise InvalidRows(Code.NOT_FINITE, f"{exc}.", "/data") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedRecord(Code.MALFORMED_JSON, f"`data` is not JSON: {type(exc).__name__}.", "/data") from None
    if not isinstance(rows, list):
        raise InvalidRows(Code.WRONG_TYPE, "`data` must be an array of rows.", "/data")
    return rows


def _check(feature: Feature) -> Callable[[Any, str], Any]:
    """Return a function that checks one value of the feature and returns it, or raises `InvalidRows`."""
    python_type = _PYTHON_TYPES[feature.type]

    def check(value: Any, pointer: str) -> Any:
        if value is None:
            return None
        try:
            converted = msgspec.convert(_lenient(feature.type, value), python_type)
        except ValueError:  # msgspec's own errors among them
            raise InvalidRows(
                Code.WRONG_TYPE, f"Field {feature.name!r} must be {_TYPE_NAMES[feature.type]}.", pointer
            ) from None
        if isinstance(converted, float) and not math.isfinite(converted):
            raise InvalidRows(Code.NOT_FINITE, f"Field {feature.name!r} must be finite.", pointer)
        return converted

    return check


def _lenient(kind: FeatureType, value: Any) -> Any:
    """Return a value that is one of the kind in another spelling: `3.0` for `3`, or a day without a time."""
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return datetime.fromisoformat(value) if kind == "timestamp" and isinstance(value, str) else value


def _escape(name: str) -> str:
    return name[:_MAX_NAME].replace("~", "~0").replace("/", "~1")
