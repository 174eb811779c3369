"""Synthetic employees: the same seed gives the same rows, on every machine. Pure Python, no numpy.

Training reads the same columns and the same feature names from here, so that what is trained is what is sent.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final

from producer.profile import Profile, load_profile

#: A row with the columns of the real data; None where a value is missing.
Employee = dict[str, Any]
#: A row as the API takes it: raw units; what is missing is left out.
Features = dict[str, float]

TARGET: Final = "Burn Rate"

#: Numeric features: column of the data to the API's spelling.
NUMERIC: Final[Mapping[str, str]] = MappingProxyType(
    {
        column: column.replace(" ", "_").replace("-", "_")
        for column in (
            "Designation",
            "Resource Allocation",
            "Mental Fatigue Score",
            "Work Hours per Week",
            "Sleep Hours",
            "Work-Life Balance Score",
            "Manager Support Score",
            "Deadline Pressure Score",
            "Team Size",
            "Recognition Frequency",
        )
    }
)
#: Features that are 1 where a column has the value, else 0.
FLAGS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Gender_Male": ("Gender", "Male"),
        "Company_Type_Service": ("Company Type", "Service"),
        "WFH_Setup_Available_Yes": ("WFH Setup Available", "Yes"),
    }
)
#: The features in the order of the models.
FEATURES: Final = (*NUMERIC.values(), *FLAGS)

#: Of each column's standard deviation: the noise on a row that is sent, as in the older system's producer.
NOISE: Final = 0.05
#: Who joined in the first days of the year has one year in the company more.
_YEAR: Final = date(2008, 1, 1)
_FIRST_DAYS: Final = 6


def employees(seed: int = 42, profile: Profile | None = None) -> Iterator[Employee]:
    """Yield employees without end, with the columns, distributions and missing values of the real data."""
    rng = Random(seed)  # noqa: S311  # repeatable, not secret
    profile = profile or load_profile()
    while True:
        yield _employee(rng, profile)


def feature_rows(seed: int = 42, profile: Profile | None = None) -> Iterator[Features]:
    """Yield rows as the API takes them, without end: an employee's features plus Gaussian noise.

    The noise is `NOISE` of each numeric column's standard deviation; flags stay 0 or 1.
    """
    rng = Random(seed)  # noqa: S311  # repeatable, not secret
    profile = profile or load_profile()
    noise = {NUMERIC[column]: NOISE * sd for column, sd in profile.standard_deviations.items()}
    while True:
        row = features(_employee(rng, profile))
        yield {
            name: round(rng.gauss(value, noise[name]), 2) if name in noise else value for name, value in row.items()
        }


def features(employee: Employee) -> Features:
    """Return the features of an employee in raw units, without those that are missing."""
    numbers = {name: float(employee[column]) for column, name in NUMERIC.items() if employee[column] is not None}
    return numbers | {name: float(employee[column] == value) for name, (column, value) in FLAGS.items()}


def _employee(rng: Random, profile: Profile) -> Employee:
    cell = rng.choices(profile.cells, [cell.share for cell in profile.cells])[0]
    grade = rng.choices(range(len(cell.designation)), cell.designation)[0]
    values: dict[str, float] = {"Designation": grade, "Male": cell.gender == "Male", "WFH": cell.wfh == "Yes"}
    for column, formula in profile.formulas.items():
        values[column] = formula.draw(rng, values)
    drawn = {
        column: None if rng.random() < profile.missing[column] else values[column] for column in profile.formulas
    }
    joined = rng.randrange(366)
    return {
        "Employee ID": f"{rng.getrandbits(96):024x}",
        "Date of Joining": str(_YEAR + timedelta(days=joined)),
        "Gender": cell.gender,
        "Company Type": "Service" if rng.random() < profile.service else "Product",
        "WFH Setup Available": cell.wfh,
        "Designation": grade,
        **drawn,
        "Years in Company": 17 if joined < _FIRST_DAYS else 16,
        **_enrichment(rng, profile, drawn[TARGET]),
    }


def _enrichment(rng: Random, profile: Profile, burn: float | None) -> dict[str, float]:
    """Draw the columns that depend on the target alone; where that is missing, the real ones are the relaxed."""
    regime = profile.strained if burn is not None and burn > profile.switch else profile.relaxed
    whole = {column: rng.randint(low, high) for column, (low, high) in regime.uniform.items()}
    sleep = round(rng.gauss(regime.sleep_mean, regime.sleep_deviation), 1)
    hours = whole.pop("Work Hours per Week")
    return {"Work Hours per Week": hours, "Sleep Hours": sleep, **whole}
