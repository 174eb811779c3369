"""The profile of marketplace items that the generator draws from, as `data/marketplace.json` holds it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

#: The profile that ships with the project; data/README.md says what in it was counted and what was guessed.
PATH: Final = Path(__file__).parent.parent / "data" / "marketplace.json"


class Value(Struct, frozen=True):
    """A value of a column.

    Attributes:
        value: The value.
        count: Items that have it.
        used: Share of these that are used.
    """

    value: str | bool
    count: int
    used: float


class State(Struct, frozen=True):
    """A state.

    Attributes:
        value: Its name.
        count: Items from it.
        used: Share of these that are used.
        cities: Number of its cities.
    """

    value: str
    count: int
    used: float
    cities: int


class Cities(Struct, frozen=True):
    """How the items of a state are distributed over its cities.

    Attributes:
        exponent: Of Zipf's law: the k-th city has 1 / k ** exponent times the items of the first.
        spread: Standard deviation of the cities' log odds of `used` about those of their state.
        seed: Of the cities' log odds: they are the same whatever the seed of the items.
    """

    exponent: float
    spread: float
    seed: int


class Part(Struct, frozen=True):
    """A lognormal share of a quantity.

    Attributes:
        share: Share of the items; what all parts leave is 0.
        median: Median of the part.
        sigma: Standard deviation of the logarithm.
    """

    share: float
    median: float
    sigma: float


class Quantity(Struct, frozen=True):
    """A zero-inflated mixture of lognormals for each condition."""

    used: tuple[Part, ...]
    new: tuple[Part, ...]

    def mean(self, *, used: bool) -> float:
        """Return the mean over used or new items."""
        parts = self.used if used else self.new
        return sum(part.share * part.median * math.exp(part.sigma**2 / 2) for part in parts)


class AttributeGroup(Struct, frozen=True):
    """A group of attributes.

    Attributes:
        id: Its id.
        name: Its name.
        count: Its weight among the groups.
        attributes: Number of its attributes.
    """

    id: str
    name: str
    count: int
    attributes: int


class MarketplaceProfile(Struct, frozen=True):
    """Everything that the generator knows of the real items.

    Attributes:
        used: Share of used items.
        categories: Column to its values.
        states: The states.
        cities: The cities in them.
        quantities: Column to its distribution. An item has `stock_quantity` of one and more.
        most_sold: Most pieces that were sold of an item which has a `total_amount`.
        lifetime_hr: Usual `time_difference_hr`, in hours.
        lifetime_usual: Share of the items that have it; the others have any up to twice as long.
        attributed: Share of the items that have an attribute.
        attribute_groups: Groups of the attributes.
    """

    used: float
    categories: Mapping[str, tuple[Value, ...]]
    states: tuple[State, ...]
    cities: Cities
    quantities: Mapping[str, Quantity]
    most_sold: int
    lifetime_hr: float
    lifetime_usual: float
    attributed: float
    attribute_groups: tuple[AttributeGroup, ...]


def load_marketplace(path: Path = PATH) -> MarketplaceProfile:
    """Read a profile.

    Raises:
        OSError: The file cannot be read.
        msgspec.DecodeError: It is no profile; the message names the field.
    """
    return msgspec.json.decode(path.read_bytes(), type=MarketplaceProfile)
