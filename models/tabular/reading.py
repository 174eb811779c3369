"""From a CSV file to a frame: separator, decimal sign and header are looked at before pandas reads it."""

import csv
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Final

import pandas as pd
from pandas.errors import ParserWarning

from models.tabular.errors import TableError
from streamapp.contracts.card import canonical, sayable

_SEPARATORS: Final = (",", ";", "\t", "|")
#: A number as it is written where the comma separates decimals.
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+")


def read(path: Path) -> pd.DataFrame:
    """Read a CSV file: UTF-8, a header, fields apart by comma, semicolon, tab or bar.

    Types are those that `pandas.read_csv` finds, so that whoever reads the file with it has what the model takes.

    Raises:
        TableError: The file cannot be read, is no such CSV, or two of its columns have one name.
    """
    try:
        separator = _separator(path)
        frame = _parse(path, separator, ".")
        if separator == ";" and any(_has_decimal_commas(frame[name]) for name in frame.select_dtypes("object")):
            frame = _parse(path, separator, ",")
    except OSError as exc:
        raise TableError(f"{path} cannot be read: {exc.strerror}.") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is no text in UTF-8: save it as CSV in UTF-8.") from None
    except (ValueError, ParserWarning, csv.Error) as exc:  # pandas' own errors among them
        raise TableError(f"{path} is no CSV file that can be read: {str(exc).strip()}") from None
    return frame


def _separator(path: Path) -> str:
    """Return the separator that splits the header into most names, after checking the names."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline()
    headers = {separator: next(csv.reader([line], delimiter=separator), []) for separator in _SEPARATORS}
    separator = max(_SEPARATORS, key=lambda one: len(headers[one]))
    names = headers[separator]
    if len(names) < 2:  # noqa: PLR2004  # a target and something to predict it from
        raise TableError(
            f"{path} has one column at most. A CSV file with a header is expected, its fields apart by a comma, "
            "semicolon, tab or |."
        )
    _check_names(names)
    return separator


def _check_names(names: list[str]) -> None:
    """Refuse names that requests could not tell apart, or could not have."""
    if unsayable := [name for name in names if not sayable(name)]:
        raise TableError(
            f"These columns have quotes, backslashes or control characters in their names: "
            f"{', '.join(map(repr, unsayable))}. Rename them."
        )
    counts = Counter(map(canonical, filter(None, names)))
    clashes = [name for name in names if counts[canonical(name)] > 1]
    if clashes:
        raise TableError(
            f"These columns have one name, as spaces, underscores, hyphens and case do not count: "
            f"{', '.join(map(repr, clashes))}. Rename or remove all but one."
        )


def _parse(path: Path, separator: str, decimal: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)  # rows longer than the header would be cut
        return pd.read_csv(
            path, sep=separator, decimal=decimal, encoding="utf-8-sig", low_memory=False, index_col=False
        )


def _has_decimal_commas(values: pd.Series) -> bool:
    texts = values.dropna().astype(str)
    return bool(len(texts)) and bool(texts.str.fullmatch(_DECIMAL_COMMA).all())
