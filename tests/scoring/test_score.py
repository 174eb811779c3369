"""Scoring is pure: records in, predictions and dead letters out, each record exactly once."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from scoring_support import NOW, In, ask, card, only_letter, predictions, rounded_sum, scorer

from streamapp.contracts.card import Feature
from streamapp.contracts.messages import Prediction
from streamapp.contracts.rows import RowDecoder
from streamapp.scoring.groups import group, merge
from streamapp.scoring.model import FunctionModel, Predicted, Table, to_table
from streamapp.scoring.records import Outcome


def test_a_prediction_says_who_predicted_what_when() -> None:
    (prediction,) = predictions(scorer().score([ask([{"Sleep_Hours": 7, "Team_Size": 2.5}], offset=9)]))
    assert prediction == Prediction(
        id="mlops_stream-2-9",
        model="svm",
        registered_name="SVM",
        version="3",
        run_id="run",
        predictions=[9],
        timestamp=NOW,
        data=prediction.data,
    )
    assert json.loads(bytes(prediction.data)) == [{"Sleep_Hours": 7, "Team_Size": 2.5}]


def test_the_id_is_the_ce_id_header_where_there_is_one() -> None:
    (prediction,) = predictions(scorer().score([ask([{"Sleep_Hours": 1}], headers=(("ce_id", b"abc"),))]))
    assert prediction.id == "abc"


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a\nb", b"x" * 500], ids=["empty", "no text", "control", "long"])
def test_an_unusable_ce_id_is_replaced_by_the_place_on_the_topic(raw: bytes) -> None:
    (prediction,) = predictions(scorer().score([ask([{"Sleep_Hours": 1}], headers=(("ce_id", raw),))]))
    assert prediction.id == "mlops_stream-2-0"


def test_what_the_request_left_out_is_named_row_by_row() -> None:
    rows = [{"Sleep_Hours": 7}, {"Sleep_Hours": 7, "Team_Size": None}, {"Sleep_Hours": 1, "Team_Size": 1}]
    first, second = predictions(scorer().score([ask(rows), ask(rows[2:], offset=1)]))
    assert first.imputed == [["Team_Size"], ["Team_Size"], []]
    assert second.imputed is None


def test_names_are_mapped_and_columns_put_in_order() -> None:
    seen: list[Any] = []

    def keep(table: Table) -> list[Any]:
        seen.extend(np.asarray(table).tolist())
        return [0] * len(table)

    records = [
        ask([{"team size": 3, "SLEEP-hours": 8}]),
        ask([[4, 9], [5, 10]], offset=1, columns=["Team_Size", "Sleep Hours"]),
        ask([{"Team_Size": 5, "Sleep_Hours": 6, "unused": 1}], offset=2, columns=["Sleep_Hours"]),
    ]
    outcome = scorer(FunctionModel(card(), keep)).score(records)
    assert not outcome.dead_letters
    np.testing.assert_equal(seen, [[8.0, 3.0], [9.0, 4.0], [10.0, 5.0], [6.0, np.nan]])
    assert json.loads(bytes(predictions(outcome)[1].data)) == [
        {"Sleep_Hours": 9.0, "Team_Size": 4.0},
        {"Sleep_Hours": 10.0, "Team_Size": 5.0},
    ]


def test_requests_of_several_models_and_sizes_keep_their_order_and_their_own_rows() -> None:
    doubled = FunctionModel(card("knn"), lambda table: [2 * value for value in rounded_sum(table)])
    records = [
        ask([{"Sleep_Hours": i + j} for j in range(i % 3 + 1)], ("svm", "knn")[i % 2], offset=i) for i in range(20)
    ]
    found = predictions(scorer(FunctionModel(card(), rounded_sum), doubled).score(records))
    assert [prediction.id for prediction in found] == [f"mlops_stream-2-{i}" for i in range(20)]
    expected = [[(1 + i % 2) * (i + j) for j in range(i % 3 + 1)] for i in range(20)]
    assert [prediction.predictions for prediction in found] == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "null_record"),
        (b"", "malformed_json"),
        (b"not json", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        (b'{"payload": {"data": ' + b"[" * 100_000, "malformed_json"),
        (b"[]", "malformed_request"),
        (b"{}", "malformed_request"),
        (b'{"payload": {"data": []}}', "malformed_request"),
        (b'{"payload": {"data": []}, "model": "svm"}', "empty_data"),
        (b'{"payload": {"data": [{}]}, "model": "svm"}', "empty_data"),
        (b'{"payload": {"data": 7}, "model": "svm"}', "wrong_type"),
        (b'{"payload": {"data": [{"Sleep_Hours": 7}]}, "model": "nosuch"}', "unknown_model"),
        (b'{"payload": {"data": [{"Slep_Hours": 7}]}, "model": "svm"}', "unknown_field"),
        (b'{"payload": {"data": [{"Sleep_Hours": "7"}]}, "model": "svm"}', "wrong_type"),
        (b'{"payload": {"data": [{"Sleep_Hours": true}]}, "model": "svm"}', "wrong_type"),
        (b'{"payload": {"data": [{"Sleep_Hours": 1e999}]}, "model": "svm"}', "not_finite"),
        (b'{"payload": {"data": [[1, 2]]}, "model": "svm"}', "wrong_type"),
        (b'{"payload": {"data": [[1, 2]], "columns": ["Sleep_Hours"]}, "model": "svm"}', "columns_mismatch"),
        (b'{"payload": {"data": [{"Sleep_Hours": 1, "sleep hours": 2}]}, "model": "svm"}', "duplicate_field"),
    ],
)
def test_a_bad_record_is_a_dead_letter_and_its_neighbours_are_scored(value: bytes | None, code: str) -> None:
    good = [{"Sleep_Hours": 7, "Team_Size": 2}]
    bad = In(value, 1, key=b"k", headers=(("h", b"v"),))
    outcome = scorer().score([ask(good), bad, ask(good, offset=2)])
    assert [prediction.predictions for prediction in predictions(outcome)] == [[9], [9]]
    (letter,) = outcome.dead_letters
    assert (letter.value, letter.key, letter.headers) == (value, b"k", (("h", b"v"),))
    assert (letter.code, letter.topic, letter.partition, letter.offset) == (code, "mlops_stream", 2, 1)
    assert letter.message
    assert letter.time == NOW


def test_a_request_that_the_model_fails_on_does_not_take_its_group_with_it() -> None:
    def touchy(table: Table) -> list[Any]:
        if (np.asarray(table)[:, 0] == 13).any():
            raise ZeroDivisionError("thirteen")
        return rounded_sum(table)

    records = [ask([{"Sleep_Hours": hours, "Team_Size": 0}], offset=hours) for hours in (12, 13, 14)]
    outcome = scorer(FunctionModel(card(), touchy)).score(records)
    assert [prediction.predictions for prediction in predictions(outcome)] == [[12], [14]]
    (letter,) = outcome.dead_letters
    assert (letter.offset, letter.code, letter.error, letter.message) == (
        13,
        "model_failed",
        "ZeroDivisionError",
        "thirteen",
    )
    assert (letter.model, letter.version) == ("svm", "3")


def test_a_model_that_answers_for_fewer_rows_is_not_believed() -> None:
    letter = only_letter(scorer(FunctionModel(card(), lambda _: [])).score([ask([{"Sleep_Hours": 1}])]))
    assert (letter.code, letter.error) == ("model_failed", "PredictionError")


@pytest.mark.parametrize("answer", [float("nan"), float("inf")])
def test_a_model_that_answers_with_no_number_is_not_believed(answer: float) -> None:
    outcome = scorer(FunctionModel(card(), lambda table: [answer] * len(table))).score([ask([{"Sleep_Hours": 1}])])
    assert only_letter(outcome).error == "PredictionError"


def test_more_rows_than_the_limit_are_refused() -> None:
    letter = only_letter(scorer(rows=2).score([ask([{"Sleep_Hours": 1}] * 3)]))
    assert letter.code == "too_many_rows"


def test_a_prediction_too_large_for_its_topic_is_refused() -> None:
    letter = only_letter(scorer(prediction_bytes=300).score([ask([{"Sleep_Hours": 1}] * 50)]))
    assert letter.code == "record_too_large"


def test_a_missing_required_field_is_refused_by_name() -> None:
    strict = card(features=(Feature("Sleep_Hours", required=True), Feature("Team_Size")))
    letter = only_letter(scorer(FunctionModel(strict, rounded_sum)).score([ask([{"Team_Size": 1}])]))
    assert letter.code == "missing_field"
    assert "Sleep_Hours" in letter.message


def test_probabilities_go_with_their_rows() -> None:
    class Sure(FunctionModel):
        def predict(self, table: Table) -> Predicted:
            return Predicted([1] * len(table), [[0.0, float(row[0])] for row in np.asarray(table)])

    found = predictions(scorer(Sure(card(), rounded_sum)).score([ask([{"Sleep_Hours": 1}, {"Sleep_Hours": 2}])]))
    assert found[0].probabilities == [[0.0, 1.0], [0.0, 2.0]]


def test_a_prediction_is_one_line_even_where_the_request_was_not() -> None:
    value = b'{"payload": {"data": [\r\n  {"Sleep_Hours":\n 7}\n]}, "model": "svm"}'
    (scored,) = scorer().score([In(value)]).predictions
    assert b"\n" not in scored.value
    assert b"\r" not in scored.value
    assert json.loads(scored.value)["data"] == [{"Sleep_Hours": 7}]


def test_features_that_are_no_numbers_come_as_a_frame() -> None:
    mixed = card(features=(Feature("age", "integer"), Feature("city", "string"), Feature("rate")))
    table = to_table(mixed, [(1, "Sucre", 2.5), (2, None, None)])
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["age", "city", "rate"]
    assert table["rate"].dtype == np.float64


def test_in_a_large_batch_each_request_gets_its_own_answer_whatever_its_neighbours_are() -> None:
    """Some are written otherwise, one is long, some are refused, and the model fails on one."""

    def picky(table: Table) -> list[Any]:
        matrix = np.asarray(table)
        matrix[:, 0] += 1_000_000  # it may write into its table
        if (matrix[:, 0] == 1_000_777).any():
            raise ValueError("777")
        return [int(value) - 1_000_000 for value in matrix[:, 0]]

    def rows(i: int) -> int:
        return 2000 if i == 1000 else 2 if i % 50 == 7 else i % 4 + 1

    def written(i: int) -> In:
        if i % 97 == 5:
            return ask([{"Slep_Hours": i}], offset=i)
        if i % 50 == 7:
            return ask([[i], [i + 0.5]], offset=i, columns=["Sleep Hours"])
        return ask([{"Sleep_Hours": i + j / 10_000} for j in range(rows(i))], offset=i)

    outcome = scorer(FunctionModel(card(), picky)).score([written(i) for i in range(2000)])
    refused = {*range(5, 2000, 97), 777}
    assert {letter.offset for letter in outcome.dead_letters} == refused
    assert [scored.record.offset for scored in outcome.predictions] == [i for i in range(2000) if i not in refused]
    for scored, prediction in zip(outcome.predictions, predictions(outcome), strict=True):
        i = scored.record.offset
        assert prediction.predictions == [i] * rows(i)
        assert len(json.loads(bytes(prediction.data))) == rows(i)


def test_a_long_request_is_decoded_alone_and_the_others_of_its_batch_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together: list[int] = []
    decode_many = RowDecoder.decode_many

    def counted(decoder: RowDecoder, datas: Sequence[Any]) -> Any:
        together.append(len(datas))
        return decode_many(decoder, datas)

    monkeypatch.setattr(RowDecoder, "decode_many", counted)
    long = ask([{"Sleep_Hours": 1}] * 3000, offset=100)
    records = [long if i == 100 else ask([{"Sleep_Hours": i}], offset=i) for i in range(200)]
    assert len(scorer().score(records).predictions) == 200
    assert together == [100, 1, 99]


def test_an_empty_batch_has_an_empty_outcome() -> None:
    assert scorer().score([]) == Outcome([], [])


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError):
        msgspec.convert({"predictions": [], "dead_letters": []}, Outcome).predictions = []  # type: ignore[misc]


def test_fewer_results_than_records_are_never_taken_for_all() -> None:
    groups = group([ask([{"Sleep_Hours": 1}], offset=i) for i in range(3)], ["svm"])
    with pytest.raises(ValueError, match="0 results for 3 records"):
        merge(groups, {"svm": []})
