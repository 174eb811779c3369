from itertools import islice
from math import sqrt

import pandas as pd
import pytest

from producer.marketplace import FEATURES, FIELDS, OPTIONAL, REQUIRED, TARGET, USED, item_rows, items
from producer.marketplace_profile import load_marketplace

ROWS = 40_000

# Of the first 90,000 real items: how many have the value, and the share of used ones among them.
FACTS = {
    ("listing_type", "bronze"): (56_904, 0.38),
    ("listing_type", "free"): (19_260, 0.93),
    ("listing_type", "silver"): (8_195, 0.19),
    ("listing_type", "gold_special"): (2_693, 0.02),
    ("listing_type", "gold"): (2_170, 0.12),
    ("listing_type", "gold_premium"): (765, 0.50),
    ("shipping_mode", "me2"): (46_059, 0.43),
    ("shipping_mode", "not_specified"): (40_725, 0.51),
    ("shipping_mode", "custom"): (3_130, 0.33),
    ("buying_mode", "buy_it_now"): (87_311, 0.45),
    ("buying_mode", "classified"): (1_982, 0.80),
    ("buying_mode", "auction"): (707, 0.75),
    ("status", "active"): (86_116, 0.47),
    ("status", "paused"): (3_863, 0.31),
    ("free_shipping", True): (2_697, 0.07),
    ("automatic_relist", True): (4_227, 0.04),
    ("local_pickup", True): (71_577, 0.45),
    ("local_pickup", False): (18_423, 0.50),
    ("state", "Capital Federal"): (52_143, 0.46),
    ("state", "Buenos Aires"): (31_482, 0.47),
    ("state", "Santa Fe"): (2_398, 0.50),
    ("state", "Córdoba"): (1_727, 0.32),
}

QUARTILES = {
    "stock_quantity": [2, 4, 12],
    "date_difference_hr": [0, 0, 145.6],
    "time_difference_hr": [1440, 1440, 1440],
}


@pytest.fixture(scope="module")
def generated() -> pd.DataFrame:
    return pd.DataFrame(islice(items(seed=42), ROWS))


@pytest.fixture(scope="module")
def used(generated: pd.DataFrame) -> pd.Series:
    return generated[TARGET] == USED


def test_same_seed_gives_the_same_items_and_another_gives_others() -> None:
    first, again, other = (list(islice(items(seed), 50)) for seed in (7, 7, 8))
    assert first == again != other


@pytest.mark.parametrize("fact", FACTS)
def test_values_are_as_frequent_and_as_often_used_as_in_the_real_data(
    generated: pd.DataFrame, used: pd.Series, fact: tuple[str, str | bool]
) -> None:
    column, value = fact
    count, share_used = FACTS[fact]
    rows = generated[column] == value
    assert rows.mean() == pytest.approx(count / 90_000, abs=0.01)
    chance = 4 * sqrt(share_used * (1 - share_used) / rows.sum())
    # The cities' log odds lie about their state's: what they come to together is not quite its share.
    assert used[rows].mean() == pytest.approx(share_used, abs=chance + (0.06 if column == "state" else 0.01))


def test_share_of_used_items_is_that_of_the_real_data(used: pd.Series) -> None:
    assert used.mean() == pytest.approx(0.462, abs=0.01)


def test_quantities_are_spread_as_in_the_real_data(generated: pd.DataFrame) -> None:
    quartiles = {name: generated[name].quantile([0.25, 0.5, 0.75]).tolist() for name in QUARTILES}
    assert quartiles == {name: pytest.approx(values, rel=0.1, abs=1) for name, values in QUARTILES.items()}
    assert (generated["total_amount"] == 0).mean() == pytest.approx(0.75, abs=0.01)
    assert generated["stock_quantity"].corr(generated["available_quantity"]) > 0.999


def test_means_of_quantities_are_those_of_the_real_data_for_new_and_used_ones() -> None:
    # The tails are long: chance moves means of 40,000 items by a tenth and more, so the profile itself is asked.
    quantities = load_marketplace().quantities
    for column, new, used in (
        ("stock_quantity", 567, 22.6),
        ("total_amount", 37_400, 482),
        ("date_difference_hr", 214, 129),
    ):
        assert quantities[column].mean(used=False) == pytest.approx(new, rel=0.1)
        assert quantities[column].mean(used=True) == pytest.approx(used, rel=0.15)


def test_cities_lie_in_states(generated: pd.DataFrame) -> None:
    assert sum(state.cities for state in load_marketplace().states) == pytest.approx(2_300, abs=20)
    assert len(generated[["city", "state"]].drop_duplicates()) == generated["city"].nunique()
    assert generated["state"].nunique() == 24


def test_classified_items_are_those_that_take_no_mercadopago(generated: pd.DataFrame) -> None:
    assert ((generated["buying_mode"] == "classified") == ~generated["accepts_mercadopago"]).all()


def test_most_items_have_no_attribute(generated: pd.DataFrame) -> None:
    missing = generated[list(OPTIONAL)].isna()
    assert missing.mean().tolist() == pytest.approx([0.876] * 3, abs=0.01)
    groups = generated["attribute_group_id"].value_counts(normalize=True)
    assert groups[["dflt", "find", "confort"]].tolist() == pytest.approx([0.59, 0.26, 0.075], abs=0.03)


def test_rows_that_are_sent_have_every_required_field_in_its_type_and_no_condition() -> None:
    for row in islice(item_rows(seed=1), 500):
        assert [name for name in FEATURES if name in row] == list(row)
        assert REQUIRED.keys() <= row.keys() <= {*FEATURES}
        assert all(type(value) is FIELDS[name] for name, value in row.items())
