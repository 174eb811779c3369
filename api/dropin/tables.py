"""Tables as other protocols have them, by column or without names, made the rows of a request. Pure."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import msgspec

from api.intake.bodies import Fitting
from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import Code, InvalidRows, RecordError
from streamapp.contracts.messages import Payload
from streamapp.contracts.rows import RowDecoder

#: A whole number that JSON text can be made of.
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
#: A value of a row.
Scalar = bool | Integer | float | str | None


def by_column(columns: Mapping[str, Sequence[Any]]) -> Payload:
    """Return a table given by column.

    Args:
        columns: Values by name of a field, the same number of each; None where a row has none.

    Raises:
        InvalidRows: There are more of one than of another, or a number is not finite.
    """
    if len({len(values) for values in columns.values()}) > 1:
        raise InvalidRows(Code.COLUMNS_MISMATCH, "Each column must have as many values as every other.")
    return _payload(list(zip(*columns.values(), strict=True)), tuple(columns))


def by_row(rows: Sequence[Sequence[Any]], card: ModelCard) -> Payload:
    """Return a table given by row, the values in the order of the model's features.

    Raises:
        InvalidRows: A number is not finite.
    """
    return _payload(rows, features(card))


def features(card: ModelCard) -> tuple[str, ...]:
    """Return the names of a model's features, in their order."""
    return tuple(feature.name for feature in card.features)


def fitting(payload: Payload, decoder: RowDecoder) -> Fitting:
    """Return rows that fit the model.

    Raises:
        RecordError: They do not. It points nowhere: the rows stand otherwise in what the caller sent.
    """
    try:
        rows = decoder.decode(payload.data, payload.columns)
    except RecordError as exc:
        exc.pointer = ""
        raise
    return Fitting(payload, len(rows))


def _payload(rows: Sequence[Sequence[Any]], columns: tuple[str, ...]) -> Payload:
    # Encoded it would be null, which is a value that is left out.
    if not all(math.isfinite(value) for value in chain.from_iterable(rows) if isinstance(value, float)):
        raise InvalidRows(Code.NOT_FINITE, "NaN and Infinity are no values; leave the field out, or send null.")
    return Payload(msgspec.Raw(msgspec.json.encode(rows)), columns)
