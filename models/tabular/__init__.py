"""A model of any table: types, task and columns are found out from the file."""

from enum import StrEnum
from typing import Final

#: Seconds that AutoGluon may search.
TIME_LIMIT: Final = 60.0


class Library(StrEnum):
    """What fits the model."""

    LIGHTGBM = "lightgbm"
    SKLEARN = "sklearn"
    AUTOGLUON = "autogluon"


class Kind(StrEnum):
    """What predicting a column is."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
