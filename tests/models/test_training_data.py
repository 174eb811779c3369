from itertools import islice

import pandas as pd
import pytest

from models.employees import data
from models.employees.data import DataError, Split
from producer.employees import FEATURES, TARGET, employees


@pytest.fixture
def raw() -> pd.DataFrame:
    return pd.DataFrame(islice(employees(seed=1), 1000))


def test_rows_without_target_or_with_two_and_more_gaps_are_dropped(raw: pd.DataFrame) -> None:
    kept = data.clean(raw)
    assert kept[TARGET].notna().all()
    assert kept.isna().sum(axis=1).max() == 1
    dropped = raw.drop(kept.index)
    assert (dropped[TARGET].isna() | (dropped.isna().sum(axis=1) >= 2)).all()


def test_classes_begin_at_their_bounds() -> None:
    burn = pd.DataFrame({TARGET: [0.0, 0.32, 0.33, 0.65, 0.66, 1.0]})
    assert list(data.labels(burn)) == [0, 0, 1, 1, 2, 2]


def test_features_are_the_thirteen_in_raw_units(raw: pd.DataFrame) -> None:
    features = data.features(raw)
    assert tuple(features.columns) == FEATURES
    assert set(features.dtypes) == {pd.Series([0.0]).dtype}
    assert features["Work_Life_Balance_Score"].equals(raw["Work-Life Balance Score"].astype(float))
    assert features["Gender_Male"].equals((raw["Gender"] == "Male").astype(float))
    assert features["Resource_Allocation"].isna().equals(raw["Resource Allocation"].isna())


def test_a_column_that_is_missing_is_named(raw: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"lacks these columns: Sleep Hours, Team Size\."):
        data.clean(raw.drop(columns=["Team Size", "Sleep Hours"]))


def test_split_is_80_to_20_and_the_same_each_time(raw: pd.DataFrame) -> None:
    first, again = data.split(raw, "x"), data.split(raw, "x")
    assert first.test.equals(again.test)
    assert len(first.test) == pytest.approx(0.2 * (len(raw) - first.dropped), abs=1)


def test_real_data_is_cleaned_to_the_known_rows(real: Split) -> None:
    assert (len(real.train), len(real.test), real.dropped) == (17_151, 4_288, 1_311)


def test_gaps_reach_from_none_to_all_of_a_row(raw: pd.DataFrame) -> None:
    features = data.features(raw).fillna(0.0)
    gaps = data.with_gaps(features, seed=1)
    share = gaps.isna().mean(axis=1)
    assert share.min() == 0.0
    assert share.max() == 1.0
    assert share.mean() == pytest.approx(0.5, abs=0.05)
    assert gaps.equals(data.with_gaps(features, seed=1))
