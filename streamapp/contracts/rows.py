"""Rows of a request against the features of a model: names mapped, types checked, order fixed.

The edge and the worker share it, so that what the edge accepts is what the worker can score.

Names are mapped explicitly: spaces, underscores, hyphens and case are one, so `Work-Life Balance Score` and
`work_life_balance_score` are the same field. Types are strict: `"1.5"` and `true` are no numbers. What is too
large or too deep is refused before more is made of it.
"""

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec

from streamapp.contracts.card import ModelCard, canonical
from streamapp.contracts.errors import Code, InvalidRows, RecordError
from streamapp.contracts.json_faults import fault, has_more_keys, is_deeper, quotes, require_each_key_once
from streamapp.contracts.values import check_of, in_range, row_struct

#: Values in the order of the card's features; None where the row has none.
Row = tuple[Any, ...]

#: Field names are repeated in errors; longer ones are cut.
_MAX_NAME: Final = 60
#: Unknown names that a decoder keeps the nearest known one of. Finding it takes milliseconds, and who sends many rows
#: has the same mistake in all of them.
_MISSPELT: Final = 256
_RAW_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class RowDecoder:
    """Decodes the `data` of requests for one model.

    Rows spelled as on the card go through one compiled msgspec decoder (about a microsecond a row). Any other
    input takes a slower way that maps names and finds the precise error.

    Args:
        card: The model's card.
        max_rows: Most rows that one request may have.
        max_fields: Most fields that a row may have; where the card has more, as many.
        max_depth: Most levels of arrays and objects in the rows, their own two among them.

    Raises:
        ValueError: Two features have the same canonical name.
    """

    def __init__(self, card: ModelCard, max_rows: int = 10_000, max_fields: int = 1_000, max_depth: int = 32) -> None:
        self.card = card
        self.max_rows = max_rows
        self._max_fields = max(max_fields, len(card.features) + len(card.ignored))
        self._max_depth = max_depth
        self._features = card.features
        self._index = {canonical(feature.name): i for i, feature in enumerate(card.features)}
        self._nearest = lru_cache(_MISSPELT)(
            partial(_nearest, {name: card.features[i].name for name, i in self._index.items()})
        )
        self._ignored = frozenset(map(canonical, card.ignored))
        if len(self._index) != len(card.features):
            raise ValueError(f"Model {card.alias}: two features differ only in spaces, underscores, hyphens or case.")
        row = row_struct(card.features)
        self._rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]  # a struct made at run time
        self._bulk = msgspec.json.Decoder(list[list[row]])  # type: ignore[valid-type]  # as above
        complete = row_struct([msgspec.structs.replace(feature, required=True) for feature in card.features])
        self._complete = msgspec.json.Decoder(list[list[complete]])  # type: ignore[valid-type]  # as above
        self._checks = tuple(check_of(feature) for feature in card.features)
        self._texts = [i for i, feature in enumerate(card.features) if feature.type in {"string", "timestamp"}]
        self._most_quotes = 2 * (len(card.features) + len(self._texts))
        self._times = [i for i, feature in enumerate(card.features) if feature.type == "timestamp"]
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
            MalformedRecord: `data` is not JSON, or an object in it has a key twice.
        """
        text = bytes(data)
        if columns is None:
            try:
                rows = self._rows.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                rows = None  # another spelling, or an error to find
            if rows and len(rows) <= self.max_rows:
                values = [msgspec.structs.astuple(row) for row in rows]
                if self._fits(values):
                    self._require_each_key_once(text, values)
                    return values
        return self._decode_slowly(text, columns)

    def decode_many(self, datas: Sequence[bytes | msgspec.Raw]) -> list[list[Row]] | None:
        """Decode the rows of many requests in one go, or return None where any of them needs `decode`."""
        text = b"[" + b",".join(datas) + b"]"
        # First as rows that lack nothing: then it is known how many names they have.
        for decoder, complete in ((self._complete, True), (self._bulk, False)):
            try:
                requests = decoder.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            counts = set(map(len, requests))
            if len(requests) != len(datas) or 0 in counts or max(counts, default=0) > self.max_rows:
                return None
            astuple = msgspec.structs.astuple
            decoded = [[astuple(row) for row in rows] for rows in requests]
            return decoded if self._all_fit(datas, text, decoded, complete=complete) else None
        return None

    def as_records(self, rows: Sequence[Row]) -> msgspec.Raw:
        """Return rows as the JSON text of objects in the card's spelling, without the fields that they lack."""
        names = [feature.name for feature in self._features]
        records = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
        return msgspec.Raw(msgspec.json.encode(records))

    def _all_fit(
        self, datas: Sequence[bytes | msgspec.Raw], text: bytes, decoded: Sequence[Sequence[Row]], *, complete: bool
    ) -> bool:
        together = list(chain.from_iterable(decoded))
        if not (complete and not self._times) and not self._fits(together):
            return False
        expected = self._most_quotes * len(together) if complete else self._quotes(together)
        if quotes(text) == expected:
            return True
        try:
            for data, rows in zip(datas, decoded, strict=True):
                self._require_each_key_once(bytes(data), rows)
        except RecordError:
            return False
        return True

    def _fits(self, rows: Sequence[Row]) -> bool:
        """Say whether rows of the right types can be scored as they are."""
        if self._nothing in rows:
            return False
        return not self._times or all(in_range(row[i]) for i in self._times for row in rows)

    def _quotes(self, rows: Sequence[Row]) -> int:
        """Return how many quotation marks the rows have where each of their keys stands once and none is null."""
        values = list(chain.from_iterable(rows))  # a count over all is quicker than many
        strings = len(values) - values.count(None)
        if self._texts:
            strings += sum(row[i] is not None for i in self._texts for row in rows)
        return 2 * strings

    def _require_each_key_once(self, text: bytes, rows: Sequence[Row]) -> None:
        """Check rows of the card's own fields: a key that is there twice brings more quotation marks than they have.

        So does a null, or a string with such marks; then the text is read once more.
        """
        count = quotes(text)
        if count != self._quotes(rows):
            if has_more_keys(text, self._max_fields * len(rows)):
                self._refuse_fields("/data")
            if count != _quotes_of(msgspec.json.decode(text)):
                require_each_key_once(text)

    def _decode_slowly(self, text: bytes, columns: Sequence[str] | None) -> list[Row]:
        self._require_bounds(text, columns or ())
        rows = self._json_rows(text)
        if quotes(text) != _quotes_of(rows):
            require_each_key_once(text)
        if not rows:
            raise InvalidRows(Code.EMPTY_DATA, "`data` is empty; send at least one row.", "/data")
        positions = self._positions(columns) if columns is not None else None
        return [self._row(row, i, positions) for i, row in enumerate(rows)]

    def _require_bounds(self, text: bytes, columns: Sequence[str]) -> None:
        """Check how many rows and fields there are without reading them; what is no array of rows is left alone."""
        # One row, as most have it: its keys are counted up to the bound, and nothing of it is copied.
        if text.startswith(b"[{") and text.count(b"{") == 1 and has_more_keys(text, self._max_fields):
            self._refuse_fields("/data/0")
        try:
            rows = _RAW_ROWS.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        self._require_depth(text)
        if len(rows) > self.max_rows:
            detail = f"{len(rows)} rows; at most {self.max_rows} a request (max_rows)."
            raise InvalidRows(Code.TOO_MANY_ROWS, detail, "/data")
        if len(columns) > self._max_fields:
            self._refuse_fields("/columns")
        for i, row in enumerate(rows):
            if has_more_keys(bytes(row), self._max_fields):
                self._refuse_fields(f"/data/{i}")

    def _require_depth(self, text: bytes) -> None:
        if is_deeper(text, self._max_depth):
            detail = f"The rows are nested deeper than {self._max_depth} levels (max_depth); a row is a flat object."
            raise InvalidRows(Code.TOO_DEEP, detail, "/data")

    def _json_rows(self, text: bytes) -> list[Any]:
        try:
            rows = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise fault(text, exc, "/data") from None
        if not isinstance(rows, list):
            self._require_depth(text)
            raise InvalidRows(Code.WRONG_TYPE, "`data` must be an array of rows.", "/data")
        return rows

    def _refuse_fields(self, pointer: str) -> NoReturn:
        raise InvalidRows(Code.TOO_MANY_FIELDS, f"A row may have {self._max_fields} fields (max_fields).", pointer)

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


def _quotes_of(rows: Sequence[Any]) -> int:
    """Return how many quotation marks flat rows have where each of their keys stands once."""
    strings = sum(len(row) for row in rows if isinstance(row, dict))
    values = (row.values() if isinstance(row, dict) else row for row in rows if isinstance(row, dict | list))
    return 2 * (strings + sum(isinstance(value, str) for row in values for value in row))


def _escape(name: str) -> str:
    return name[:_MAX_NAME].replace("~", "~0").replace("/", "~1")
