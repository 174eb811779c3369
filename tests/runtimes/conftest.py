"""Rows and classes that models are fitted on."""

import numpy as np
import pytest
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@pytest.fixture(scope="session")
def rows() -> Matrix:
    """Return rows with gaps in some columns, zeros, and few different values in one."""
    rng = np.random.default_rng(5)
    drawn = rng.normal(2, 3, size=(600, 5))
    drawn[:, 1] = drawn[:, 1].round()
    drawn[rng.random(600) < 0.3, 2] = 0.0
    drawn[rng.random(600) < 0.2, 3] = np.nan
    drawn[rng.random(600) < 0.1, 4] = np.nan
    return drawn


@pytest.fixture(scope="session")
def classes(rows: Matrix) -> NDArray[np.int64]:
    return np.digitize(rows[:, 0] + 2 * np.nan_to_num(rows[:, 3]), [0.0, 6.0])
