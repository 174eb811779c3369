"""Synthetic marketplace items, new or used: the same seed gives the same rows, on every machine. Pure Python.

The condition is drawn first and everything else given it, so that the share of used items among those with a certain
value is the profile's. Training reads the same field names from here.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from random import Random
from types import MappingProxyType
from typing import Any, Final

from producer.marketplace_profile import MarketplaceProfile, Part, State, load_marketplace

#: An item with all its fields and its condition; None where a value is missing.
Item = dict[str, Any]

TARGET: Final = "condition"
NEW: Final = "new"
USED: Final = "used"
#: Fields that a request must have, with the type of their values.
REQUIRED: Final[Mapping[str, type]] = MappingProxyType(
    {
        **dict.fromkeys(("state", "city"), str),
        **dict.fromkeys(("local_pickup", "free_shipping"), bool),
        **dict.fromkeys(("shipping_mode", "listing_type", "buying_mode", "status"), str),
        "accepts_mercadopago": bool,
        "currency": str,
        "automatic_relist": bool,
        **dict.fromkeys(("stock_quantity", "available_quantity"), int),
        **dict.fromkeys(("total_amount", "date_difference_hr", "time_difference_hr"), float),
    }
)
#: Fields that a request may leave out, as above.
OPTIONAL: Final[Mapping[str, type]] = MappingProxyType(
    dict.fromkeys(("attribute_group_id", "attribute_group", "attribute_id"), str)
)
#: All of them.
FIELDS: Final[Mapping[str, type]] = MappingProxyType({**REQUIRED, **OPTIONAL})
#: The features in the order of the model.
FEATURES: Final = tuple(FIELDS)

#: Largest stock that the marketplace takes.
_LARGEST: Final = 99_999
#: Draws a value for an item that is used, or is not.
_Draw = Callable[[Random, bool], Any]


def items(seed: int = 42, profile: MarketplaceProfile | None = None) -> Iterator[Item]:
    """Yield items without end, with the distributions, shares of used ones and missing values of the real data."""
    rng = Random(seed)  # noqa: S311  # repeatable, not secret
    generator = _Generator(profile or load_marketplace())
    while True:
        yield generator.item(rng)


def item_rows(seed: int = 42, profile: MarketplaceProfile | None = None) -> Iterator[Item]:
    """Yield rows as the API takes them, without end: no condition, and what is missing is left out."""
    for item in items(seed, profile):
        yield {name: value for name, value in item.items() if name != TARGET and value is not None}


class _Generator:
    """Draws items from a profile."""

    def __init__(self, profile: MarketplaceProfile) -> None:
        self._profile = profile
        self._categories = {
            column: _choice([value.value for value in values], [(value.count, value.used) for value in values])
            for column, values in profile.categories.items()
        }
        self._places = _places(profile)
        self._quantities = {
            column: _mixture(quantity.used, quantity.new) for column, quantity in profile.quantities.items()
        }
        groups = profile.attribute_groups
        self._group = _choice(groups, [(group.count, profile.used) for group in groups])

    def item(self, rng: Random) -> Item:
        used = rng.random() < self._profile.used
        state, city = self._places(rng, used)
        drawn = {column: draw(rng, used) for column, draw in (self._categories | self._quantities).items()}
        drawn |= {"state": state, "city": city, "accepts_mercadopago": drawn["buying_mode"] != "classified"}
        drawn |= self._stock(rng, drawn) | self._attribute(rng, used) | {"time_difference_hr": self._lifetime(rng)}
        return {name: drawn[name] for name in FEATURES} | {TARGET: USED if used else NEW}

    def _stock(self, rng: Random, drawn: Item) -> Item:
        """Return the stock at first and now; something is sold of an item that brought in an amount."""
        stock = min(max(round(drawn["stock_quantity"]), 1), _LARGEST)
        sold = rng.randint(1, min(stock, self._profile.most_sold)) if drawn["total_amount"] else 0
        return {"stock_quantity": stock, "available_quantity": stock - sold}

    def _attribute(self, rng: Random, used: bool) -> Item:  # noqa: FBT001  # as a draw has it
        if rng.random() >= self._profile.attributed:
            return dict.fromkeys(OPTIONAL)
        group = self._group(rng, used)
        attribute = f"{group.id}-{rng.randint(1, group.attributes)}"
        return {"attribute_group_id": group.id, "attribute_group": group.name, "attribute_id": attribute}

    def _lifetime(self, rng: Random) -> float:
        usual = self._profile.lifetime_hr
        return usual if rng.random() < self._profile.lifetime_usual else round(rng.uniform(0, 2 * usual), 1)


def _choice(values: Sequence[Any], weights: Sequence[tuple[float, float]]) -> _Draw:
    """Return a draw of one of the values, given for each its weight and the share of used items under it."""
    if_used = list(accumulate(weight * used for weight, used in weights))
    if_new = list(accumulate(weight * (1 - used) for weight, used in weights))

    def draw(rng: Random, used: bool) -> Any:  # noqa: FBT001  # as a draw has it
        return rng.choices(values, cum_weights=if_used if used else if_new)[0]

    return draw


def _places(profile: MarketplaceProfile) -> _Draw:
    """Return a draw of a state and a city in it."""
    rng = Random(profile.cities.seed)  # noqa: S311  # repeatable, not secret
    places, weights = [], []
    for state in profile.states:
        for number, weight in enumerate(_cities(profile, state), start=1):
            odds = math.log(state.used / (1 - state.used)) + rng.gauss(0, profile.cities.spread)
            places.append((state.value, f"{state.value} {number}"))
            weights.append((weight, 1 / (1 + math.exp(-odds))))
    return _choice(places, weights)


def _cities(profile: MarketplaceProfile, state: State) -> list[float]:
    """Return the items of each city of a state, the largest city first."""
    parts = [(number + 1) ** -profile.cities.exponent for number in range(state.cities)]
    return [state.count * part / sum(parts) for part in parts]


def _mixture(if_used: Sequence[Part], if_new: Sequence[Part]) -> _Draw:
    """Return a draw of a quantity, with two decimals."""

    def draw(rng: Random, used: bool) -> float:  # noqa: FBT001  # as a draw has it
        left = rng.random()
        for part in if_used if used else if_new:
            if left < part.share:
                return round(rng.lognormvariate(math.log(part.median), part.sigma), 2)
            left -= part.share
        return 0.0

    return draw
