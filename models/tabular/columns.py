"""What each column of a table holds, and which columns say nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from mlflow.types import ColSpec, DataType

from streamapp.contracts.card import FeatureType

#: Share of different values from which on a text names its row rather than describes it.
_NAMES_THE_ROW: Final = 0.9
_ID: Final = re.compile(r"(?:^|[\W_])(?i:id|uuid|guid|index|key)$|[a-z](?:ID|Id)$")
#: Values that show whether it is worth to read all of them as dates.
_SAMPLE: Final = 100
_DATE: Final = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[T ].*)?")
#: Of those that fit all values, two that do not mean the same leave a column text.
_DATE_FORMATS: Final = tuple(
    f"{day}{time}"
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
    for time in ("", " %H:%M", " %H:%M:%S")
)
_MLFLOW: Final[Mapping[FeatureType, DataType]] = {
    "number": DataType.double,
    "integer": DataType.long,
    "string": DataType.string,
    "boolean": DataType.boolean,
    "timestamp": DataType.datetime,
}


@dataclass(frozen=True)
class Column:
    """A column that a model is to use.

    Attributes:
        name: As the file spells it.
        type: What its values are on the wire. Integers some of which are missing are numbers: in a frame they are
            floats, as MLflow advises to declare them.
    """

    name: str
    type: FeatureType

    @property
    def required(self) -> bool:
        """Whether every row must have it: an integer, as MLflow has no missing one. Others the model fills in."""
        return self.type == "integer"

    @property
    def spec(self) -> ColSpec:
        """The column in a model's signature."""
        return ColSpec(_MLFLOW[self.type], self.name, required=self.required)


def typed(values: pd.Series) -> pd.Series:
    """Return the values with dates as `datetime64[ns]` (UTC), and infinity as missing."""
    if values.dtype == object:
        dates = _dates(values)
        return values if dates is None else dates
    if values.dtype.kind == "f":
        return values.replace([np.inf, -np.inf], np.nan)
    return values.astype(float) if values.dtype == np.uint64 else values


def describe(values: pd.Series) -> Column:
    """Say what a typed column holds."""
    return Column(str(values.name), _type(values))


def useless(values: pd.Series) -> str:
    """Say why a typed column cannot help to predict, or return "" where it may."""
    present = values.dropna()
    distinct = present.nunique()
    if not distinct:
        return "empty"
    if distinct == 1 and len(present) == len(values):
        return "always the same"
    if distinct == len(present) and values.dtype.kind in "iu" and _is_id(present):
        return "another number in each row: an id"
    if values.dtype == object and distinct > _NAMES_THE_ROW * len(present):
        return "another text in almost each row"
    return ""


def _type(values: pd.Series) -> FeatureType:
    kinds: dict[str, FeatureType] = {"i": "integer", "f": "number", "b": "boolean", "M": "timestamp"}
    if values.dtype.kind in kinds:
        return kinds[values.dtype.kind]
    return "boolean" if values.dropna().isin([True, False]).all() else "string"


def _is_id(present: pd.Series) -> bool:
    """Say whether different integers number the rows: by their name, or because they leave none out."""
    return bool(_ID.search(str(present.name))) or int(present.max()) - int(present.min()) == len(present) - 1


def _dates(values: pd.Series) -> pd.Series | None:
    """Return the dates that texts are, or None where they are none or can be read in two ways."""
    texts = values.dropna()
    if not len(texts) or not all(isinstance(text, str) and _DATE.fullmatch(text) for text in texts.head(_SAMPLE)):
        return None
    if (iso := _parsed(values, "ISO8601")) is not None:
        return iso
    fitting = [dates for form in _DATE_FORMATS if (dates := _parsed(values, form)) is not None]
    same = all(dates.equals(fitting[0]) for dates in fitting)
    return fitting[0] if fitting and same else None


def _parsed(values: pd.Series, form: str) -> pd.Series | None:
    try:
        dates = pd.to_datetime(values, format=form, utc=True)
    except ValueError:
        return None
    return dates.dt.tz_localize(None).astype("datetime64[ns]")
