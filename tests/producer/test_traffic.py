from collections import Counter
from itertools import islice
from random import Random
from typing import Any

import msgspec
import pytest

from producer.bad import FAULTS, RECORDS, bad_request
from producer.employees import FEATURES, feature_rows
from producer.marketplace import FIELDS, REQUIRED, item_rows
from producer.messages import Call, Record, Route
from producer.traffic import MODELS, traffic
from streamapp.contracts.card import Feature, FeatureType, ModelCard
from streamapp.contracts.codec import decode_request
from streamapp.contracts.errors import Code, InvalidRows, MalformedRecord
from streamapp.contracts.rows import RowDecoder

CARD = ModelCard("svm", "SVC", "1", "run", "sklearn", tuple(Feature(name) for name in FEATURES))

TYPES: dict[type, FeatureType] = {str: "string", bool: "boolean", int: "integer", float: "number"}
ITEM = tuple(Feature(name, TYPES[kind], name in REQUIRED) for name, kind in FIELDS.items())
ITEM_CARD = ModelCard("marketplace", "AutoGluon_Marketplace", "1", "run", "autogluon", ITEM)


def test_same_seed_gives_the_same_requests() -> None:
    first, again, other = (list(islice(traffic(bad_fraction=0.3, seed=seed), 100)) for seed in (1, 1, 2))
    assert first == again != other


def test_models_take_turns() -> None:
    calls = list(islice(traffic(seed=1), 6))
    assert [call.model for call in calls if isinstance(call, Call)] == [*MODELS, *MODELS]


@pytest.mark.parametrize("route", Route)
def test_good_requests_fit_the_models(route: Route) -> None:
    for request in islice(traffic(route=route, rows=3, seed=1), 200):
        if isinstance(request, Call):
            data = msgspec.json.decode(request.body, type=dict[str, msgspec.Raw])["data"]
        else:
            data = decode_request(request.value).payload.data
        assert len(RowDecoder(CARD).decode(data)) == 3


def test_marketplace_gets_items_and_the_others_employees() -> None:
    calls = islice(traffic(models=("marketplace", "svm"), rows=2, seed=1), 4)
    rows = [msgspec.json.decode(call.body)["data"] for call in calls if isinstance(call, Call)]
    assert rows[0] + rows[2] == list(islice(item_rows(seed=1), 4))
    assert rows[1] + rows[3] == list(islice(feature_rows(seed=1), 4))


def test_share_of_bad_requests_is_as_asked() -> None:
    good = {type(request) for request in islice(traffic(bad_fraction=0.0, seed=1), 500)}
    assert good == {Call}
    seen = Counter(is_bad(request) for request in islice(traffic(route=Route.TOPIC, bad_fraction=0.2, seed=1), 5000))
    assert seen[True] / 5000 == pytest.approx(0.2, abs=0.02)


def test_every_kind_of_bad_request_is_drawn_about_as_often() -> None:
    rng, rows = Random(1), [next(feature_rows())]  # noqa: S311  # repeatable, not secret
    drawn = Counter(bad_request(rng, Route.HTTP, "svm", rows) for _ in range(3000))
    assert len(drawn) == len(FAULTS) + len(RECORDS) == 6
    assert all(count == pytest.approx(500, rel=0.2) for count in drawn.values())


def test_each_bad_record_is_refused_for_its_own_reason() -> None:
    codes = []
    for value in RECORDS:
        with pytest.raises(MalformedRecord) as caught:
            decode_request(value)
        codes.append(caught.value.code)
    assert codes == [Code.MALFORMED_JSON, Code.NULL_RECORD, Code.MALFORMED_REQUEST]


@pytest.mark.parametrize(("card", "row"), [(CARD, next(feature_rows())), (ITEM_CARD, next(item_rows()))])
def test_each_fault_is_refused_for_its_own_reason(card: ModelCard, row: dict[str, Any]) -> None:
    codes = []
    for fault in FAULTS[:2]:
        _, rows = fault("svm", [dict(row)])
        with pytest.raises(InvalidRows) as caught:
            RowDecoder(card).decode(msgspec.json.encode(rows))
        codes.append(caught.value.code)
    assert codes == [Code.WRONG_TYPE, Code.UNKNOWN_FIELD]
    assert FAULTS[2]("svm", [row]) == ("no_such_svm", [row])


def is_bad(request: Call | Record) -> bool:
    assert isinstance(request, Record)
    try:
        decoded = decode_request(request.value)
        RowDecoder(CARD).decode(decoded.payload.data)
    except (MalformedRecord, InvalidRows):
        return True
    return decoded.model not in MODELS
