"""Columns of the card against columns that a model was fitted with: renamed and put in order explicitly.

scikit-learn refuses other names, and LightGBM takes columns by position whatever they are called, so a wrong order
would go unseen there.
"""

from collections.abc import Sequence

from streamapp.contracts.card import ModelCard
from streamapp.contracts.errors import ModelLoadError
from streamapp.contracts.rows import canonical


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
