import csv
import io
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from producer.employees import FEATURES, FLAGS, NUMERIC, TARGET, employees, feature_rows, features
from producer.profile import load_profile

ROWS = 40_000
SAMPLE = Path(__file__).parents[2] / "data" / "employees_sample.csv"

# Of the real data: mean and standard deviation.
MOMENTS = {
    "Designation": (2.179, 1.135),
    "Resource Allocation": (4.481, 2.047),
    "Mental Fatigue Score": (5.728, 1.921),
    "Burn Rate": (0.452, 0.198),
    "Work Hours per Week": (47.365, 7.651),
    "Sleep Hours": (6.154, 0.893),
    "Work-Life Balance Score": (2.596, 1.403),
    "Manager Support Score": (2.875, 1.281),
    "Deadline Pressure Score": (3.400, 1.409),
    "Team Size": (11.058, 4.908),
    "Recognition Frequency": (1.819, 1.714),
}
# Of the real data: correlation with the burn rate.
CORRELATIONS = {
    "Designation": 0.738,
    "Resource Allocation": 0.856,
    "Mental Fatigue Score": 0.945,
    "Work Hours per Week": 0.720,
    "Sleep Hours": -0.655,
    "Work-Life Balance Score": -0.708,
    "Manager Support Score": -0.609,
    "Deadline Pressure Score": 0.708,
    "Team Size": 0.002,
    "Recognition Frequency": -0.696,
    "Gender_Male": 0.155,
    "Company_Type_Service": 0.004,
    "WFH_Setup_Available_Yes": -0.306,
}


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    flags = {name: (rows[column] == value).astype(float) for name, (column, value) in FLAGS.items()}
    return rows[[*NUMERIC, TARGET]].astype(float).assign(**flags)


def class_shares(rows: pd.DataFrame) -> list[float]:
    burn = rows[TARGET].dropna().astype(float)
    return [(burn < 0.33).mean(), burn.between(0.33, 0.66, inclusive="left").mean(), (burn >= 0.66).mean()]


@pytest.fixture(scope="module")
def generated() -> pd.DataFrame:
    return pd.DataFrame(islice(employees(seed=42), ROWS))


@pytest.fixture(scope="module")
def real(employees_csv: Path) -> pd.DataFrame:
    return pd.read_csv(employees_csv)


def test_same_seed_gives_the_same_rows_and_another_gives_others() -> None:
    assert list(islice(feature_rows(7), 50)) == list(islice(feature_rows(7), 50))
    assert list(islice(feature_rows(7), 50)) != list(islice(feature_rows(8), 50))


@pytest.mark.parametrize("column", MOMENTS)
def test_means_and_deviations_are_those_of_the_real_data(generated: pd.DataFrame, column: str) -> None:
    mean, deviation = MOMENTS[column]
    values = generated[column].astype(float)
    assert abs(values.mean() - mean) <= 0.03 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.03)


@pytest.mark.parametrize("column", CORRELATIONS)
def test_correlations_with_the_burn_rate_are_those_of_the_real_data(generated: pd.DataFrame, column: str) -> None:
    rows = numbers(generated)
    assert rows[column].corr(rows[TARGET]) == pytest.approx(CORRELATIONS[column], abs=0.03)


def test_shares_of_classes_and_missing_values_are_those_of_the_real_data(generated: pd.DataFrame) -> None:
    assert class_shares(generated) == pytest.approx([0.265, 0.580, 0.155], abs=0.01)
    missing = generated.isna().mean()
    expected = {"Resource Allocation": 0.0607, "Mental Fatigue Score": 0.0931, "Burn Rate": 0.0494}
    assert missing[missing > 0].to_dict() == pytest.approx(expected, abs=0.01)


def test_profile_says_which_class_shares_it_gives(generated: pd.DataFrame) -> None:
    assert class_shares(generated) == pytest.approx(list(load_profile().classes.values()), abs=0.01)


def test_enrichment_switches_at_the_burn_rate(generated: pd.DataFrame) -> None:
    strained = generated[TARGET].astype(float) > 0.40
    assert generated.loc[strained, "Work Hours per Week"].between(48, 59).all()
    assert generated.loc[~strained, "Work Hours per Week"].between(35, 44).all()
    assert generated.loc[strained, "Recognition Frequency"].isin([0, 1]).all()
    assert generated.loc[~strained, "Recognition Frequency"].isin([2, 3, 4, 5]).all()


def test_columns_and_every_statistic_match_the_real_file(generated: pd.DataFrame, real: pd.DataFrame) -> None:
    ours, theirs = numbers(generated), numbers(real)
    assert list(generated.columns) == list(real.columns)
    assert ((ours.mean() - theirs.mean()).abs() <= 0.03 * theirs.std()).all()
    assert (ours.corr() - theirs.corr()).abs().max().max() <= 0.03
    assert class_shares(generated) == pytest.approx(class_shares(real), abs=0.01)


def test_features_are_named_as_the_api_takes_them_without_the_missing_ones() -> None:
    employee: dict[str, Any] = next(employees(seed=1)) | {"Mental Fatigue Score": None, "Gender": "Male"}
    row = features(employee)
    assert set(row) == set(FEATURES) - {"Mental_Fatigue_Score"}
    assert row["Gender_Male"] == 1.0
    assert row["Work_Life_Balance_Score"] == employee["Work-Life Balance Score"]


def test_sent_rows_carry_noise_of_five_per_cent_of_each_deviation() -> None:
    sent = pd.DataFrame(islice(feature_rows(seed=42), 20_000))
    noise = sent["Designation"] - sent["Designation"].round()
    assert noise.std() == pytest.approx(0.05 * 1.135, rel=0.03)
    assert set(sent["Gender_Male"]) == {0.0, 1.0}
    assert sent["Mental_Fatigue_Score"].isna().mean() == pytest.approx(0.0931, abs=0.01)


def test_sample_is_what_the_generator_yields_first() -> None:
    rows = list(islice(employees(seed=42), 200))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    assert SAMPLE.read_text() == out.getvalue()


def test_producer_imports_no_machine_learning_library() -> None:
    code = "import sys, producer.cli; print({'numpy', 'pandas', 'mlflow', 'faust'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
