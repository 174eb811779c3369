"""The data: generated items, split as the older system did it."""

from dataclasses import dataclass
from itertools import islice
from typing import Final

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from sklearn.model_selection import train_test_split

from models.autogluon import PROBABILITIES
from producer.marketplace import FEATURES, FIELDS, REQUIRED, TARGET, items

#: The older system's own example of a request. Its state, city and shipping mode are not among the generated ones.
EXAMPLE: Final = pd.DataFrame(
    [
        {
            "state": "SP",
            "city": "Sao Paulo",
            "local_pickup": True,
            "free_shipping": False,
            "shipping_mode": "standard",
            "listing_type": "gold_special",
            "buying_mode": "buy_it_now",
            "status": "active",
            "accepts_mercadopago": True,
            "currency": "BRL",
            "automatic_relist": False,
            "stock_quantity": 10,
            "available_quantity": 5,
            "total_amount": 100.0,
            "date_difference_hr": 24.0,
            "time_difference_hr": 12.0,
        }
    ]
)

_TYPES: Final = {str: DataType.string, bool: DataType.boolean, int: DataType.long, float: DataType.double}
_VALIDATION_SHARE: Final = 0.2
_TEST_SHARE: Final = 0.2


@dataclass(frozen=True)
class Split:
    """Items with the columns `FEATURES` and `condition`, None where a value is missing.

    Attributes:
        train: 60 % of them, to fit on.
        validation: 20 %, to stop the fitting and to weigh the models.
        test: 20 %, to evaluate.
        source: Where the rows come from.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    source: str


def load(rows: int, seed: int) -> Split:
    """Generate items and split them 60/20/20 at random, with the same share of used ones in each part."""
    generated = pd.DataFrame(islice(items(seed), rows), columns=[*FEATURES, TARGET])
    rest, test = _split(generated, _TEST_SHARE, seed)
    train, validation = _split(rest, _VALIDATION_SHARE / (1 - _TEST_SHARE), seed)
    return Split(train, validation, test, f"{rows} generated rows, seed {seed}")


def signature() -> ModelSignature:
    """Return what the model takes and gives: fields with the types of the older system's API."""
    inputs = Schema([ColSpec(_TYPES[kind], name, required=name in REQUIRED) for name, kind in FIELDS.items()])
    return ModelSignature(inputs, Schema([ColSpec(DataType.string)]), PROBABILITIES)


def _split(rows: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    kept, split_off = train_test_split(rows, test_size=share, random_state=seed, stratify=rows[TARGET])
    return kept, split_off
