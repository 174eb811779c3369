"""Whether requests for one version of a model are requests for the next."""

import msgspec
import pytest

from streamapp.contracts.card import Feature, ModelCard, incompatibility

OLD = ModelCard(
    "shop",
    "Shop",
    "1",
    "run",
    "sklearn",
    (Feature("stock", "integer", required=True), Feature("city", "string")),
    ignored=("Row Id",),
)
STOCK, CITY = OLD.features


@pytest.mark.parametrize(
    ("features", "ignored", "reason"),
    [
        ((CITY, STOCK), ("row_id",), ""),
        ((CITY, Feature("Stock", "number")), ("Row Id",), ""),
        ((STOCK,), ("Row Id", "CITY"), ""),
        ((STOCK, CITY, Feature("Row Id")), (), ""),
        ((STOCK, CITY), (), "does not take the field 'Row Id'"),
        ((STOCK,), ("Row Id",), "does not take the field 'city'"),
        ((STOCK, Feature("city")), ("Row Id",), "'city' is a number, in version 1 a string"),
        ((STOCK, CITY, Feature("size", required=True)), ("Row Id",), "requires the field 'size'"),
    ],
)
def test_a_version_must_take_what_the_one_before_takes(
    features: tuple[Feature, ...], ignored: tuple[str, ...], reason: str
) -> None:
    new = msgspec.structs.replace(OLD, version="2", features=features, ignored=ignored)
    found = incompatibility(OLD, new)
    assert reason in found if reason else not found
