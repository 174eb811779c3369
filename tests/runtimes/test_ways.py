"""Quicker ways to compute models: proven and measured first, within a time, or else left to the libraries."""

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from streamapp.runtimes.parity import batches, probes
from streamapp.runtimes.ways import Declined, Quicker, Ways, choose

Matrix = NDArray[np.float64]


def slow(rows: Matrix) -> Matrix:
    return np.add.reduce([np.nan_to_num(rows[:, :2]) for _ in range(50)]) / 50


def quick(rows: Matrix) -> Matrix:
    return np.nan_to_num(rows[:, :2])


def chosen(function: Any, plain: Any = slow) -> tuple[str, Any]:
    return choose("Mine 1", plain, lambda: Quicker("tables", function, [np.array([0.0, 1.0])] * 3))


def test_a_quicker_way_with_the_same_answers_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    way, compute = chosen(quick)
    assert (way, compute.quick) == ("tables", quick)
    assert "Mine 1 is computed by tables for batches of" in caplog.text


def test_small_batches_go_to_the_library_where_that_is_quicker_for_them() -> None:
    called: list[int] = []

    def late(rows: Matrix) -> Matrix:
        called.append(len(rows))
        for _ in range(200 if len(rows) < 50 else 0):
            quick(rows)
        return quick(rows)

    _, compute = chosen(late)
    assert compute.least > 10
    called.clear()
    compute(np.ones((3, 3)))
    assert called == []
    compute(np.ones((300, 3)))
    assert called == [300]


def raises(rows: Matrix) -> Matrix:
    raise AttributeError("coef_")


@pytest.mark.parametrize(
    ("function", "plain", "reason"),
    [
        (slow, quick, "no quicker here"),
        (lambda rows: quick(rows) * (1 + 1e-9), slow, "answer otherwise (.* numbers of"),
        (lambda rows: quick(rows)[:, ::-1], slow, "answer otherwise (other labels)"),
        (lambda rows: quick(rows)[:, :1], slow, "answer otherwise (shapes"),
        (lambda rows: np.where(np.isnan(rows[:, :2]), np.nan, rows[:, :2]), slow, "answer otherwise"),
        (raises, slow, "only one of them raises"),
        (raises, raises, "the library refuses what was to be compared"),
    ],
    ids=["slow", "numbers", "labels", "shapes", "gaps", "raises", "both"],
)
def test_any_other_is_left(function: Any, plain: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert chosen(function, plain) == ("", plain)
    assert "Mine 1 is computed by its library: " in caplog.text
    assert reason.partition(" (.")[0] in caplog.text


class Clock:
    """Time that passes in calls alone."""

    def __init__(self, *, waits: float = 0.0, call: float = 0.0, row: float = 0.0) -> None:
        self.waits, self.call, self.row = waits, call, row
        self.passed = self.computed = 0.0
        self.calls: list[int] = []

    def plain(self, rows: Matrix) -> Matrix:
        self.calls.append(len(rows))
        self.computed += self.call + self.row * len(rows)
        self.passed += self.waits
        return quick(rows)

    def monotonic(self) -> float:
        return self.passed + self.computed

    def thread_time(self) -> float:
        return self.computed


@pytest.mark.parametrize(
    ("clock", "most_calls", "most_rows"),
    [(Clock(row=0.002), 6, 30), (Clock(call=0.2), 3, 1), (Clock(waits=8.0, call=0.001), 50, 2000)],
    ids=["rows", "calls", "waits"],
)
def test_what_would_take_too_long_to_prove_is_left(
    clock: Clock, most_calls: int, most_rows: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("streamapp.runtimes.ways.time", clock)
    assert chosen(quick, clock.plain) == ("", clock.plain)
    assert "takes too long to prove" in caplog.text
    assert len(clock.calls) <= most_calls
    assert max(clock.calls) <= most_rows


def test_a_first_call_that_is_slow_for_its_imports_alone_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(call=0.001)
    monkeypatch.setattr("streamapp.runtimes.ways.time", clock)

    def warms_up(rows: Matrix) -> Matrix:
        clock.computed += 0.0 if clock.calls else 2.0
        return clock.plain(rows)

    assert chosen(quick, warms_up)[0] == "tables"


def test_where_large_batches_are_no_quicker_the_rest_is_not_compared() -> None:
    compared = batches(probes([np.array([0.0, 1.0])] * 3))
    called: list[int] = []

    def counts(rows: Matrix) -> Matrix:
        called.append(len(rows))
        return slow(rows)

    assert chosen(counts, quick)[0] == ""
    assert len(compared[2]) not in called


def test_a_model_whose_quicker_way_cannot_be_made_is_served_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def make() -> Quicker:
        raise AttributeError("no attribute _tree")

    assert choose("Mine 1", slow, make) == ("", slow)
    assert "the quicker way fails: AttributeError('no attribute _tree')" in caplog.text


def test_large_batches_are_computed_in_blocks_and_put_together_in_order() -> None:
    called: list[int] = []

    def counts(rows: Matrix) -> Matrix:
        called.append(len(rows))
        return quick(rows)

    rows = np.arange(2503.0 * 3).reshape(-1, 3)
    np.testing.assert_array_equal(Ways(slow, counts, least=1)(rows), quick(rows))
    assert max(called) <= 1000
    assert sum(called) == 2503


def test_a_declined_call_is_the_librarys() -> None:
    def declines(rows: Matrix) -> Matrix:
        raise Declined

    assert Ways(slow, declines, 1)(np.ones((2, 3))).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_rows_that_are_no_matrix_are_the_librarys() -> None:
    frame = pd.DataFrame({"city": ["Lima", "Quito"]})
    assert Ways(len, quick, 1)(frame) == 2
