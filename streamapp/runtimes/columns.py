"""Columns of the card against columns that a model was fitted with: renamed and put in order explicitly.

scikit-learn refuses other names, and LightGBM takes columns by position whatever they are called, so a wrong order
would go unseen there.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from streamapp.contracts.card import ModelCard, canonical
from streamapp.contracts.errors import ModelLoadError


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
