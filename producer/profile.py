"""The fitted profile that the generator draws from, as `data/employees.json` holds it."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

#: The profile that ships with the project; data/README.md says how it was fitted.
PATH: Final = Path(__file__).parent.parent / "data" / "employees.json"


class Cell(Struct, frozen=True):
    """One combination of gender and work from home.

    Attributes:
        gender: `Female` or `Male`.
        wfh: `Yes` or `No`.
        share: Share of the employees.
        designation: Shares of the grades 0, 1, 2, ... within the cell.
    """

    gender: str
    wfh: str
    share: float
    designation: tuple[float, ...]


class Formula(Struct, frozen=True):
    """A column as a linear function of others plus Gaussian noise, rounded and clipped.

    Attributes:
        intercept: Constant term.
        weights: Column to coefficient; `Male` and `WFH` are 0 or 1.
        noise: Standard deviation of the noise.
        low: Least value.
        high: Greatest value.
        decimals: Decimals that the column has.
    """

    intercept: float
    weights: Mapping[str, float]
    noise: float
    low: float
    high: float
    decimals: int

    def draw(self, rng: Random, values: Mapping[str, float]) -> float:
        """Draw a value, given those of the columns that it depends on."""
        mean = self.intercept + sum(weight * values[name] for name, weight in self.weights.items())
        return min(max(round(rng.gauss(mean, self.noise), self.decimals), self.low), self.high)


class Regime(Struct, frozen=True):
    """How the columns of the enrichment are distributed on one side of the switch.

    Attributes:
        uniform: Column to least and greatest whole number, all equally likely.
        sleep_mean: Mean of the hours of sleep.
        sleep_deviation: Standard deviation of the hours of sleep.
    """

    uniform: Mapping[str, tuple[int, int]]
    sleep_mean: float
    sleep_deviation: float


class Profile(Struct, frozen=True):
    """Everything that the generator knows of the real employees.

    Attributes:
        cells: Gender and work from home, with the grades.
        service: Share of the company type `Service`; the rest is `Product`.
        formulas: Columns to draw after the cell, in this order.
        missing: Column to share of missing values.
        switch: Burn rate above which an employee is strained.
        relaxed: The enrichment at or below the switch.
        strained: The enrichment above it.
        standard_deviations: Of each numeric feature in the real data, in its own unit.
        classes: Shares of the target's classes that the formulas reproduce.
    """

    cells: tuple[Cell, ...]
    service: float
    formulas: Mapping[str, Formula]
    missing: Mapping[str, float]
    switch: float
    relaxed: Regime
    strained: Regime
    standard_deviations: Mapping[str, float]
    classes: Mapping[str, float]


def load_profile(path: Path = PATH) -> Profile:
    """Read a profile.

    Raises:
        OSError: The file cannot be read.
        msgspec.DecodeError: It is no profile; the message names the field.
    """
    return msgspec.json.decode(path.read_bytes(), type=Profile)
