"""Poison in a batch: exactly the requests that a model fails on become dead letters."""

import contextlib
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_support import In, ask, card, only_letter, predictions, rounded_sum, scorer

from streamapp.contracts import codec
from streamapp.contracts.card import Feature
from streamapp.contracts.messages import Headers
from streamapp.scoring.call import MAX_HANGING
from streamapp.scoring.model import FunctionModel, Predicted, Table
from streamapp.scoring.records import Outcome

Function = Callable[[Table], list[Any]]


def hours(count: int, model: str = "svm") -> list[In]:
    """Return requests of one row each: the hours are their place."""
    return [ask([{"Sleep_Hours": i, "Team_Size": 0}], model, offset=i) for i in range(count)]


def unless(poison: set[int], act: Callable[[], Any]) -> Function:
    """Return a model's function that acts where one of the hours is poison."""

    def predict(table: Table) -> list[Any]:
        if poison.intersection(np.asarray(table)[:, 0].astype(int).tolist()):
            act()
        return rounded_sum(table)

    return predict


def fail() -> None:
    raise ZeroDivisionError("poison")


def refused(outcome: Outcome) -> list[tuple[int, str, str]]:
    return [(letter.offset, letter.code, letter.error) for letter in outcome.dead_letters]


def predicted(outcome: Outcome) -> list[int]:
    return [prediction.predictions[0] for prediction in predictions(outcome)]


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    """Calls that wait for it hang until the test is over."""
    event = threading.Event()
    yield event
    event.set()


@given(st.integers(1, 120), st.sets(st.integers(0, 119)))
def test_for_any_places_of_poison_exactly_these_are_refused_and_the_order_is_kept(
    count: int, poison: set[int]
) -> None:
    outcome = scorer(FunctionModel(card(), unless(poison, fail)), predict_seconds=60.0).score(hours(count))
    assert refused(outcome) == [(i, "model_failed", "ZeroDivisionError") for i in range(count) if i in poison]
    assert predicted(outcome) == [i for i in range(count) if i not in poison]


def test_a_request_of_many_rows_is_refused_whole_and_its_neighbours_keep_their_rows() -> None:
    records = [ask([{"Sleep_Hours": 10 * i + j} for j in range(i % 3 + 1)], offset=i) for i in range(9)]
    outcome = scorer(FunctionModel(card(), unless({51}, fail))).score(records)
    assert refused(outcome) == [(5, "model_failed", "ZeroDivisionError")]
    assert [prediction.predictions for prediction in predictions(outcome)] == [
        [10 * i + j for j in range(i % 3 + 1)] for i in range(9) if i != 5
    ]


def test_a_request_that_hangs_is_refused_and_neither_its_batch_nor_other_models_wait(
    let_go: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = FunctionModel(card(), unless({2}, let_go.wait))
    scorer_ = scorer(hanging, FunctionModel(card("knn"), rounded_sum), predict_seconds=3.0)
    started = time.monotonic()
    outcome = scorer_.score([*hours(5), *hours(2, "knn")])
    assert time.monotonic() - started < 3.0
    assert refused(outcome) == [(2, "model_timeout", "PredictionTimeout")]
    assert predicted(outcome) == [0, 1, 3, 4, 0, 1]
    (message,) = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"Model svm refused 1 of 5 requests after \d\.\d s: 1 PredictionTimeout", message)


def test_a_model_that_hangs_on_everything_is_refused_at_once_until_a_call_returns(let_go: threading.Event) -> None:
    def hang(table: Table) -> list[Any]:
        let_go.wait()
        return rounded_sum(table)

    scorer_ = scorer(FunctionModel(card(), hang), predict_seconds=0.5)
    caller = scorer_._models["svm"]._caller
    while caller.available:
        assert len(scorer_.score(hours(200)).dead_letters) == 200
    started = time.monotonic()
    outcome = scorer_.score(hours(3))
    assert time.monotonic() - started < 0.5
    assert refused(outcome) == [(i, "model_timeout", "PredictionTimeout") for i in range(3)]
    assert outcome.dead_letters[0].message == "Too many calls of the model hang; it was not called again."
    assert sum(thread.name == "model-svm" for thread in threading.enumerate()) >= MAX_HANGING
    let_go.set()
    for thread in caller._hanging:
        thread.join()
    assert predicted(scorer_.score(hours(3))) == [0, 1, 2]


def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    called, late, back = threading.Event(), threading.Event(), threading.Event()

    def slow_once(table: Table) -> list[Any]:
        if not called.is_set():
            called.set()
            with contextlib.suppress(SystemExit):  # how a call that was given up is interrupted
                late.wait()
            back.set()
            return [-1] * len(table)
        return rounded_sum(table)

    scorer_ = scorer(FunctionModel(card(), slow_once), predict_seconds=0.2)
    assert only_letter(scorer_.score(hours(1))).code == "model_timeout"
    assert called.wait(30)
    late.set()
    assert back.wait(30)
    assert predicted(scorer_.score(hours(4))) == [0, 1, 2, 3]


@pytest.mark.parametrize("raised", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_a_model_cannot_end_the_worker(raised: BaseException) -> None:
    def leave() -> None:
        raise raised

    outcome = scorer(FunctionModel(card(), unless({1}, leave))).score(hours(4))
    assert refused(outcome) == [(1, "model_failed", "PredictionError")]
    assert type(raised).__name__ in outcome.dead_letters[0].message


def test_a_table_too_large_for_the_model_is_predicted_in_parts() -> None:
    def small_memory(table: Table) -> list[Any]:
        if len(table) > 3:
            raise MemoryError
        return rounded_sum(table)

    assert predicted(scorer(FunctionModel(card(), small_memory)).score(hours(20))) == list(range(20))


def test_wrong_answers_for_some_sizes_of_group_refuse_nothing() -> None:
    def forgets_one(table: Table) -> list[Any]:
        return rounded_sum(table)[: None if len(table) in {1, 2, 4} else -1]

    assert predicted(scorer(FunctionModel(card(), forgets_one)).score(hours(11))) == list(range(11))


@pytest.mark.parametrize("number", ["number", "integer"])
def test_a_model_may_write_into_its_table(number: Any) -> None:
    def scribbles(table: Table) -> list[Any]:
        answer = [int(value) for value in np.asarray(table, dtype=float)[:, 0]]
        table[:] = 0.0
        if len(answer) > 1:
            raise ZeroDivisionError
        return answer

    features = (Feature("Sleep_Hours", number), Feature("Team_Size", number))
    records = [ask([{"Sleep_Hours": i}], offset=i) for i in range(5)]
    found = predictions(scorer(FunctionModel(card(features=features), scribbles)).score(records))
    assert [prediction.predictions for prediction in found] == [[0], [1], [2], [3], [4]]
    assert [prediction.imputed for prediction in found] == [[["Team_Size"]]] * 5


@pytest.mark.parametrize("answer", [None, 7, [object()], ["\ud800"], [float("nan")]])
def test_an_answer_that_is_no_answer_is_the_models_failure(answer: Any) -> None:
    def odd(table: Table) -> Any:
        return answer if 3 in np.asarray(table)[:, 0] else rounded_sum(table)

    outcome = scorer(FunctionModel(card(), odd)).score(hours(5))
    assert predicted(outcome) == [0, 1, 2, 4]
    assert [letter.code for letter in outcome.dead_letters] == ["model_failed"]


def test_probabilities_that_are_uneven_are_the_models_failure() -> None:
    class Uneven(FunctionModel):
        def predict(self, table: Table) -> Predicted:
            return Predicted([0] * len(table), [[0.5] * (1 + i) for i in range(len(table))])

    outcome = scorer(Uneven(card(), rounded_sum)).score(hours(2))
    assert [prediction.probabilities for prediction in predictions(outcome)] == [[[0.5]], [[0.5]]]


class Unspeakable(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("\ud800 alone"), "? alone"),
        (Unspeakable(), "Its message cannot be read: RuntimeError."),
        (ValueError("x" * 10_000), "x" * codec.MAX_MESSAGE),
        (ValueError(), ""),
    ],
    ids=["surrogate", "raises", "long", "empty"],
)
def test_whatever_a_models_error_says_can_be_written(error: Exception, message: str) -> None:
    def refuse(table: Table) -> list[Any]:
        raise error

    letter = only_letter(scorer(FunctionModel(card(), refuse)).score(hours(1)))
    assert letter.message == message
    assert dict(codec.dead_letter_headers(letter))["dl_message"] == message.encode()


@pytest.mark.parametrize(
    ("headers", "attempt"),
    [((), 1), ((("dl_attempt", b"4"),), 5), ((("dl_attempt", b"many"),), 1), ((("dl_attempt", b"9" * 4300),), 1)],
    ids=["first", "redriven", "no number", "endless"],
)
def test_a_dead_letter_says_which_attempt_it_was(headers: Headers, attempt: int) -> None:
    for record in (ask([{}], headers=headers), ask([{"Sleep_Hours": 1}], "none", headers=headers)):
        letter = only_letter(scorer().score([record]))
        assert letter.attempt == attempt
        assert dict(codec.dead_letter_headers(letter))["dl_attempt"] == str(attempt).encode()


def test_a_redriven_record_that_fails_again_keeps_its_own_headers_only() -> None:
    headers = (("ce_id", b"a"), ("dl_attempt", b"2"), ("dl_code", b"model_failed"), ("h", b"v"))
    letter = only_letter(
        scorer(FunctionModel(card(), unless({0}, fail))).score([ask([{"Sleep_Hours": 0}], headers=headers)])
    )
    written = codec.dead_letter_headers(letter)
    assert [name for name, _ in written if not name.startswith("dl_")] == ["ce_id", "h"]
    assert [value for name, value in written if name == "dl_attempt"] == [b"3"]


@pytest.mark.parametrize(
    ("headers", "id_"),
    [
        ((("ce_id", b"a"), ("ce_id", b"b")), "a"),
        ((("ce_id", None), ("traceparent", None)), "mlops_stream-2-0"),
        ((("", b""), ("\x00", b"\x00"), ("h" * 1000, b"v")), "mlops_stream-2-0"),
    ],
    ids=["twice", "null", "odd"],
)
def test_odd_headers_stop_neither_a_prediction_nor_a_dead_letter(headers: Any, id_: str) -> None:
    outcome = scorer().score([ask([{"Sleep_Hours": 1}], headers=headers), In(None, 1, headers=headers)])
    (prediction,) = predictions(outcome)
    (letter,) = outcome.dead_letters
    assert prediction.id == id_
    assert codec.dead_letter_headers(letter)[: len(headers)] == list(headers)


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = textwrap.dedent("""
        import threading
        from scoring_support import card, ask, scorer
        from streamapp.scoring.model import FunctionModel
        hangs = FunctionModel(card(), lambda table: threading.Event().wait())
        (letter,) = scorer(hangs, predict_seconds=0.05).score([ask([{"Sleep_Hours": 1}])]).dead_letters
        print(letter.code)
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "model_timeout\n"
    assert "Traceback" not in ended.stderr
