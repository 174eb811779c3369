"""Values of a row against the features of a model: strict types, and nothing that no table could hold."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from streamapp.contracts.card import Feature, FeatureType
from streamapp.contracts.errors import Code, InvalidRows

_INT64: Final = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_PYTHON_TYPES: Final[Mapping[FeatureType, Any]] = {
    "number": float,
    "integer": _INT64,
    "string": str,
    "boolean": bool,
    "timestamp": datetime,
}
_TYPE_NAMES: Final[Mapping[FeatureType, str]] = {
    "number": "a number",
    "integer": "a whole number of at most 64 bits",
    "string": "a string",
    "boolean": "true or false",
    "timestamp": "an ISO 8601 time, of a year from 1678 to 2261",
}
#: Years all of whose times fit into 64 bits of nanoseconds, as tables have them, in whatever zone they are.
_YEARS: Final = range(1678, 2262)

#: Checks one value that stands at a JSON pointer and returns it, or raises `InvalidRows`.
Check = Callable[[Any, str], Any]


def row_struct(features: Sequence[Feature]) -> type[msgspec.Struct]:
    """Make the struct of a row: fields in the card's order, optional where the card says so."""
    fields: list[Any] = []
    rename = {f"f{i}": feature.name for i, feature in enumerate(features)}
    # A struct wants required fields first; keyword-only ones may stand in any order.
    for i, feature in enumerate(features):
        python_type = _PYTHON_TYPES[feature.type]
        fields.append((f"f{i}", python_type) if feature.required else (f"f{i}", python_type | None, None))
    return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)


def check_of(feature: Feature) -> Check:
    """Return what checks the values of a feature."""
    python_type = _PYTHON_TYPES[feature.type]

    def check(value: Any, pointer: str) -> Any:
        if value is None:
            return None
        try:
            converted = msgspec.convert(_lenient(feature.type, value), python_type)
        except ValueError:  # msgspec's own errors among them
            converted = None
        if converted is None or (isinstance(converted, datetime) and not in_range(converted)):
            raise InvalidRows(
                Code.WRONG_TYPE, f"Field {feature.name!r} must be {_TYPE_NAMES[feature.type]}.", pointer
            )
        if isinstance(converted, float) and not math.isfinite(converted):
            raise InvalidRows(Code.NOT_FINITE, f"Field {feature.name!r} must be finite.", pointer)
        return converted

    return check


def in_range(time: datetime | None) -> bool:
    """Say whether a time, where there is one, fits into a table."""
    return time is None or time.year in _YEARS


def _lenient(kind: FeatureType, value: Any) -> Any:
    """Return a value that is one of the kind in another spelling: `3.0` for `3`, or a day without a time."""
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return datetime.fromisoformat(value) if kind == "timestamp" and isinstance(value, str) else value
