"""Columns of the card against columns that a model was fitted with: renamed and put in order explicitly.

scikit-learn refuses other names, and LightGBM takes columns by position whatever they are called, so a wrong order
would go unseen there.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import Model
from mlflow.types import DataType

from streamapp.contracts.card import ModelCard, canonical
from streamapp.contracts.errors import ModelLoadError, PredictionError


def order(card: ModelCard, fitted: Sequence[str]) -> list[int] | None:
    """Return for each fitted column its place among the card's features, or None where the order is the same.

    Args:
        card: The model's card.
        fitted: Column names that the model was fitted with, in its order.

    Raises:
        ModelLoadError: The two do not hold the same columns.
    """
    places = {canonical(feature.name): place for place, feature in enumerate(card.features)}
    missing = [name for name in fitted if canonical(name) not in places]
    if missing or len(fitted) != len(places):
        raise ModelLoadError(
            f"{card.registered_name} {card.version}: its signature has {len(places)} columns and the model was "
            f"fitted with {len(fitted)}; not in the signature: {', '.join(missing) or 'none'}."
        )
    found = [places[canonical(name)] for name in fitted]
    return None if found == list(range(len(found))) else found


def single_precision(path: Path) -> list[str]:
    """Return the columns that a model's signature has as floats of 32 bits: MLflow takes no others for them.

    Args:
        path: Folder with the `MLmodel` file.
    """
    signature = Model.load(str(path)).signature
    return [column.name for column in signature.inputs.inputs if column.type == DataType.float] if signature else []


def by_missing_integers(
    frame: pd.DataFrame, integers: Mapping[str, np.dtype[Any]]
) -> Iterator[tuple[list[int], pd.DataFrame]]:
    """Part rows by the integers that they lack, and leave those columns out.

    Args:
        frame: Rows; integers some of which are missing are floats.
        integers: Their columns, with the type that each is to have.

    Yields:
        Places of rows, and the rows.

    Raises:
        PredictionError: An integer does not fit its type.
    """
    gaps = frame[list(integers)].isna()
    groups = [np.arange(len(frame))]
    if gaps.any(axis=None):
        groups = [np.asarray(places) for places in frame.groupby([gaps[name] for name in gaps]).indices.values()]
    for places in groups:
        rows = frame.iloc[places]
        rows = rows.drop(columns=[name for name in integers if gaps[name].iloc[places[0]]])
        yield (
            places.tolist(),
            rows.assign(**{name: _cast(rows[name], integers[name]) for name in integers if name in rows}),
        )


def _cast(values: "pd.Series[Any]", kind: "np.dtype[Any]") -> "pd.Series[Any]":
    cast = values.astype(kind)
    if (cast != values).any():
        raise PredictionError(f"A value of {values.name!r} does not fit {kind}.")
    return cast


def wire_row(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the first row of a frame as a request carries it: without what is missing, times in ISO 8601."""
    cells = {str(name): frame[name].iloc[0] for name in frame.columns}
    return {name: wire_value(cell) for name, cell in cells.items() if not pd.isna(cell)}


def wire_value(value: Any) -> Any:
    """Return a scalar of NumPy's or pandas' as JSON has it; what is JSON already stays as it is."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, date):  # `datetime` and `pd.Timestamp` are dates, too
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value
