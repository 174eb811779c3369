from pathlib import Path

import pytest

from models.employees import data
from models.employees.data import Split
from models.employees.train import train
from models.registry import Registered

ROWS = 3000
SEED = 42


@pytest.fixture(scope="session")
def split() -> Split:
    """The rows that `registered` was trained on."""
    return data.load(None, ROWS, SEED)


@pytest.fixture(scope="session")
def registered(registry_uri: str) -> list[Registered]:
    """The three models, trained on few rows and registered."""
    return train(tracking_uri=registry_uri, rows=ROWS, seed=SEED)


@pytest.fixture(scope="session")
def real(employees_csv: Path) -> Split:
    """The real data, cleaned and split."""
    return data.load(employees_csv, 0, SEED)
