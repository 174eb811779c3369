"""Rows against features: names, types, order, and errors that say what to do."""

import contextlib
import difflib
import json
import time
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp.contracts.card import Feature, ModelCard, canonical
from streamapp.contracts.errors import RecordError
from streamapp.contracts.json_faults import has_more_keys
from streamapp.contracts.rows import Row, RowDecoder

NAMES = ("Sleep_Hours", "Team_Size", "Work-Life Balance Score")
CARD = ModelCard("svm", "SVC", "1", "run", "sklearn", tuple(Feature(name) for name in NAMES))
MIXED = ModelCard(
    "shop",
    "Shop",
    "1",
    "run",
    "sklearn",
    (
        Feature("city", "string", required=True),
        Feature("stock", "integer"),
        Feature("pickup", "boolean"),
        Feature("since", "timestamp"),
        Feature("price"),
    ),
)


@pytest.fixture
def decoder() -> RowDecoder:
    return RowDecoder(CARD, max_rows=5)


def refusal(decoder: RowDecoder, data: Any, columns: list[str] | None = None) -> RecordError:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(RecordError) as caught:
        decoder.decode(raw, columns)
    return caught.value


def test_rows_come_in_the_order_of_the_card(decoder: RowDecoder) -> None:
    rows = [{"Team_Size": 2, "Sleep_Hours": 1.5}, {"Work-Life Balance Score": 3}]
    assert decoder.decode(json.dumps(rows).encode()) == [(1.5, 2.0, None), (None, None, 3.0)]


@pytest.mark.parametrize("name", ["work_life_balance_score", "Work Life Balance Score", "WORK-LIFE-BALANCE-SCORE"])
def test_spaces_underscores_hyphens_and_case_are_one(decoder: RowDecoder, name: str) -> None:
    assert decoder.decode(json.dumps([{name: 3}]).encode()) == [(None, None, 3.0)]


def test_arrays_take_their_names_from_columns(decoder: RowDecoder) -> None:
    assert decoder.decode(b"[[1, 2], [3, null]]", ["team size", "Sleep_Hours"]) == [
        (2.0, 1.0, None),
        (None, 3.0, None),
    ]


def test_columns_choose_among_the_fields_of_objects(decoder: RowDecoder) -> None:
    assert decoder.decode(b'[{"Team_Size": 1, "Sleep_Hours": 2, "note": "x"}]', ["Team_Size"]) == [(None, 1.0, None)]


@pytest.mark.parametrize(
    ("data", "code", "pointer", "said"),
    [
        ([], "empty_data", "/data", "at least one row"),
        ([{}], "empty_data", "/data/0", "at least one feature"),
        ([{"Team_Size": None}], "empty_data", "/data/0", "at least one feature"),
        ({"Team_Size": 1}, "wrong_type", "/data", "array"),
        ([{"Team_Size": 1}] * 6, "too_many_rows", "/data", "at most 5"),
        ([{"Team_Size": 1}, {"Team_Siez": 1}], "unknown_field", "/data/1/Team_Siez", "'Team_Size'"),
        ([{"Team_Size": "1"}], "wrong_type", "/data/0/Team_Size", "must be a number"),
        ([{"Team_Size": True}], "wrong_type", "/data/0/Team_Size", "must be a number"),
        ([{"Team_Size": [1]}], "wrong_type", "/data/0/Team_Size", "must be a number"),
        ([{"Team_Size": 1, "team size": 2}], "duplicate_field", "/data/0/team size", "twice"),
        ([{"a/b~c": 1}], "unknown_field", "/data/0/a~1b~0c", "nearest"),
        ([1], "wrong_type", "/data/0", "object"),
        ([[1]], "wrong_type", "/data/0", "columns"),
        (b"[", "malformed_json", "/data", "Not JSON"),
        (b'[{"Team_Size": NaN}]', "not_finite", "/data", "NaN"),
        (b'[{"Team_Size": 1e999}]', "not_finite", "/data", "range"),
        (b'[{"Team_Size": ' + b"9" * 400 + b"}]", "wrong_type", "/data/0/Team_Size", "must be a number"),
    ],
)
def test_what_does_not_fit_is_refused_precisely(
    decoder: RowDecoder, data: Any, code: str, pointer: str, said: str
) -> None:
    error = refusal(decoder, data)
    assert (error.code, error.pointer) == (code, pointer)
    assert said in error.detail


@pytest.mark.parametrize(
    ("data", "columns", "code", "pointer"),
    [
        ([[1]], ["Sleep_Hours", "Team_Size"], "columns_mismatch", "/data/0"),
        ([[1, 2]], ["Sleep_Hours", "sleep hours"], "duplicate_field", "/columns"),
        ([[1]], ["Slep"], "unknown_field", "/columns/0"),
        ([[1, "x"]], ["Sleep_Hours", "Team_Size"], "wrong_type", "/data/0/1"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    decoder: RowDecoder, data: Any, columns: list[str], code: str, pointer: str
) -> None:
    error = refusal(decoder, data, columns)
    assert (error.code, error.pointer) == (code, pointer)


def test_a_mistake_that_all_rows_share_is_looked_into_once(
    decoder: RowDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, found = difflib.get_close_matches, []
    monkeypatch.setattr(
        difflib, "get_close_matches", lambda *args, **options: found.append(args) or find(*args, **options)
    )
    details = {refusal(decoder, [{name: 1}]).detail for name in ["Team_Siez", "Slep_Hours"] * 10}
    assert (len(details), len(found)) == (2, 2)


def test_an_error_never_repeats_a_value_or_a_long_name(decoder: RowDecoder) -> None:
    assert "secret" not in refusal(decoder, [{"Team_Size": "secret"}]).detail
    assert len(refusal(decoder, [{"x" * 10_000: 1}]).detail) < 300


def test_other_types_are_checked_as_strictly() -> None:
    decoder = RowDecoder(MIXED)
    row = {"city": "Sucre", "stock": 3, "pickup": True, "since": "2026-01-02T03:04:05Z", "price": 1}
    (decoded,) = decoder.decode(json.dumps([row]).encode())
    assert decoded[:3] == ("Sucre", 3, True)
    assert (decoded[3].year, decoded[4]) == (2026, 1.0)
    for field, value in (("stock", 1.5), ("pickup", 1), ("since", "yesterday"), ("city", 7)):
        assert refusal(decoder, [{**row, field: value}]).code == "wrong_type"
    assert refusal(decoder, [{"stock": 1}]).code == "missing_field"


def test_many_requests_decode_as_each_alone(decoder: RowDecoder) -> None:
    datas = [b'[{"Team_Size": 1}]', b'[{"Sleep_Hours": 2}, {"Sleep_Hours": 3}]']
    assert decoder.decode_many(datas) == [decoder.decode(data) for data in datas]


@pytest.mark.parametrize(
    "bad", [b"[]", b"[{}]", b"[", b'[{"team size": 1}]', b'[{"Team_Size": 1}],[{"Team_Size": 1}]']
)
def test_many_requests_with_one_that_needs_a_closer_look_are_left_to_decode(decoder: RowDecoder, bad: bytes) -> None:
    assert decoder.decode_many([b'[{"Team_Size": 1}]', bad]) is None


def test_features_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="differ only in"):
        RowDecoder(ModelCard("a", "A", "1", "r", "x", (Feature("Team_Size"), Feature("team-size"))))


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, NUMBERS)), max_size=5))
def test_both_ways_of_decoding_agree(rows: list[dict[str, Any]]) -> None:
    decoder = RowDecoder(CARD, max_rows=5)
    data = msgspec.json.encode(rows)

    def result(decode: Any) -> list[Row] | str:
        try:
            return decode(data)
        except RecordError as exc:
            return f"{exc.code} {exc.pointer}"

    assert result(decoder.decode) == result(lambda data: decoder._decode_slowly(data, None))


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_raise_anything_but_a_record_error(data: bytes) -> None:
    decoder = RowDecoder(CARD)
    for columns in (None, ["Team_Size"]):
        with contextlib.suppress(RecordError):
            assert decoder.decode(data, columns)


@given(st.text(max_size=30))
def test_canonical_is_stable(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)


def test_a_whole_number_may_have_a_point_and_a_day_no_time() -> None:
    rows = RowDecoder(MIXED).decode(b'[{"city": "Ulm", "stock": 3.0, "since": "2024-01-31"}]')
    assert rows == [("Ulm", 3, None, datetime(2024, 1, 31), None)]  # noqa: DTZ001  # what says no zone has none
    assert isinstance(rows[0][1], int)
    for wrong in ({"stock": 3.5}, {"since": "yesterday"}, {"since": 2024}):
        assert refusal(RowDecoder(MIXED), [{"city": "Ulm", **wrong}]).code == "wrong_type"


def test_columns_of_the_same_table_that_the_model_does_not_use_are_ignored() -> None:
    decoder = RowDecoder(msgspec.structs.replace(CARD, ignored=("Row Id", "Burn Rate")))
    assert decoder.decode(b'[{"row_id": "a7", "Team_Size": 2, "Burn Rate": null}]') == [(None, 2.0, None)]
    assert decoder.decode(b'[["a7", 2]]', ["Row Id", "Team_Size"]) == [(None, 2.0, None)]
    assert decoder.decode(b'[{"note": 1, "Row Id": 7, "Team_Size": 2}]', ["Row Id", "Team_Size"]) == [
        (None, 2.0, None)
    ]
    assert refusal(decoder, [{"Row Id": 1, "Team_Siez": 2}]).code == "unknown_field"
    assert refusal(decoder, [{"Row Id": 1}]).code == "empty_data"


def test_a_string_of_quotation_marks_takes_no_longer_than_another() -> None:
    text = '"' * 400_000
    started = time.process_time()
    [row] = RowDecoder(MIXED).decode(json.dumps([{"city": text}]).encode())
    assert row[0] == text
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("text", "keys"),
    [(b'["a", ":"]', 0), (b'{"a": ":", "b" :1}', 2), (rb'{"\"\\\"": "\":", "b": {"c": "d"}}', 3)],
)
def test_keys_are_told_from_strings(text: bytes, keys: int) -> None:
    assert [has_more_keys(text, most) for most in range(4)] == [most < keys for most in range(4)]
