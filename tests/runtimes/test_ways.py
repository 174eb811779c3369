"""Quicker ways to compute models: the answers of the libraries, or the libraries themselves."""

import logging
import tracemalloc
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  # sklearn wants it said
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import LinearSVC

from streamapp.runtimes.parity import TOLERANCE, batches, differences, probes
from streamapp.runtimes.steps import steps
from streamapp.runtimes.trees import tables
from streamapp.runtimes.ways import Declined, Quicker, Unknown, Ways, choose

Matrix = NDArray[np.float64]


@pytest.fixture(scope="module")
def rows() -> Matrix:
    """With gaps in some columns, zeros, and few different values in one."""
    rng = np.random.default_rng(5)
    drawn = rng.normal(2, 3, size=(600, 5))
    drawn[:, 1] = drawn[:, 1].round()
    drawn[rng.random(600) < 0.3, 2] = 0.0
    drawn[rng.random(600) < 0.2, 3] = np.nan
    drawn[rng.random(600) < 0.1, 4] = np.nan
    return drawn


@pytest.fixture(scope="module")
def classes(rows: Matrix) -> NDArray[np.int64]:
    return np.digitize(rows[:, 0] + 2 * np.nan_to_num(rows[:, 3]), [0.0, 6.0])


def booster(rows: Matrix, labels: Any, rounds: int = 30, **params: Any) -> Any:
    categories = params.pop("categories", [])
    data = lightgbm.Dataset(rows, labels, categorical_feature=categories)
    return lightgbm.train({"verbose": -1, "num_threads": 1, **params}, data, rounds)


@pytest.mark.parametrize("leaves", [2, 8, 31, 60])
@pytest.mark.parametrize("objective", ["multiclass", "binary", "regression"])
def test_trees_answer_as_lightgbm_does_to_the_last_bit(
    rows: Matrix, classes: NDArray[np.int64], objective: str, leaves: int
) -> None:
    params = {"objective": objective, "num_leaves": leaves, "min_data_in_leaf": 3}
    if objective == "multiclass":
        params["num_class"] = 3
    model = booster(rows, classes > 0 if objective == "binary" else classes, **params)
    quick = tables(model)
    worst = probes(quick.values)
    np.testing.assert_array_equal(quick.function(worst), model.predict(worst))
    assert set(differences(model.predict, quick.function, batches(worst))) == {""}


@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_a_row_has_the_same_sum_alone_among_others_and_from_lightgbm(
    rows: Matrix, classes: NDArray[np.int64], size: int
) -> None:
    model = booster(rows, classes * 0.1, objective="regression", rounds=150)
    quick = tables(model)
    asked = probes(quick.values)[:200]
    parts = [asked[start : start + size] for start in range(0, len(asked), size)]
    np.testing.assert_array_equal(np.concatenate([quick.function(part) for part in parts]), quick.function(asked))
    for part in parts:
        np.testing.assert_array_equal(quick.function(part), model.predict(part))


def test_many_classes_have_the_shares_that_lightgbm_gives_them(rows: Matrix) -> None:
    model = booster(rows, np.arange(600) % 12, objective="multiclass", num_class=12)
    np.testing.assert_array_equal(tables(model).function(rows), model.predict(rows))


def test_missing_values_go_where_lightgbm_sends_them_in_features_that_never_lacked_any(
    rows: Matrix, classes: NDArray[np.int64]
) -> None:
    complete = np.nan_to_num(rows)
    for options in ({}, {"use_missing": False}):
        model = booster(complete, classes, objective="multiclass", num_class=3, **options)
        np.testing.assert_array_equal(tables(model).function(rows), model.predict(rows))


def test_models_that_never_split_have_one_answer(rows: Matrix) -> None:
    model = booster(rows, np.arange(600) % 2, objective="binary", min_data_in_leaf=600)
    np.testing.assert_array_equal(tables(model).function(rows), model.predict(rows))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, "averages"),
        ({"objective": "poisson"}, "the objective poisson"),
        ({"objective": "binary", "sigmoid": 2.0}, "the objective binary sigmoid:2"),
        ({"objective": "regression", "reg_sqrt": True}, "the objective regression sqrt"),
        ({"objective": "regression", "linear_tree": True}, "linear functions"),
        ({"objective": "regression", "zero_as_missing": True}, "zeros"),
        ({"objective": "regression", "categories": [1], "min_data_per_group": 1}, "categories"),
        ({"objective": "regression", "num_leaves": 100, "min_data_in_leaf": 1}, "more than 64 leaves"),
    ],
)
def test_what_the_tables_do_not_know_is_left_to_lightgbm(rows: Matrix, params: dict[str, Any], reason: str) -> None:
    filled = np.abs(np.nan_to_num(rows))
    worth = filled.sum(axis=1)
    model = booster(filled, worth > np.median(worth) if params["objective"] == "binary" else worth, **params)
    with pytest.raises(Unknown, match=reason):
        tables(model)


class Chains:
    """What `tables` asks of a booster: each node has a threshold of its own, and a leaf on its left."""

    def __init__(self, trees: int, nodes: int) -> None:
        self._places = [np.arange(nodes) + tree * nodes for tree in range(trees)]

    def num_feature(self) -> int:
        return 1

    def dump_model(self) -> dict[str, Any]:
        trees = [{"tree_structure": self._chain(places.tolist())} for places in self._places]
        return {"objective": "regression", "average_output": False, "num_tree_per_iteration": 1, "tree_info": trees}

    def _chain(self, places: list[int]) -> dict[str, Any]:
        tree: dict[str, Any] = {"leaf_value": 0.0}
        node = {"decision_type": "<=", "missing_type": "NaN", "default_left": True, "split_feature": 0}
        for place in reversed(places):
            tree = {**node, "threshold": 1.0 + place, "left_child": {"leaf_value": 1.0}, "right_child": tree}
        return tree


def test_tables_that_would_be_too_large_are_not_made() -> None:
    model = Chains(400, 50)  # tables of 64 MB
    tracemalloc.start()
    try:
        with pytest.raises(Unknown, match="that many nodes"):
            tables(model)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


def svc() -> Any:
    return CalibratedClassifierCV(LinearSVC(dual=False), ensemble=False, cv=3)


PIPELINES = {
    "svc": lambda: make_pipeline(
        IterativeImputer(random_state=1), StandardScaler(), PolynomialFeatures(2, include_bias=False), svc()
    ),
    "averaged": lambda: make_pipeline(
        IterativeImputer(random_state=1, min_value=-1, max_value=3), StandardScaler(),
        CalibratedClassifierCV(LinearSVC(dual=False), ensemble=True, cv=3),
    ),
    "knn": lambda: make_pipeline(
        IterativeImputer(random_state=1), StandardScaler(), LinearDiscriminantAnalysis(),
        KNeighborsClassifier(9, algorithm="kd_tree"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PIPELINES)
def test_steps_answer_as_scikit_learn_does(name: str, rows: Matrix, classes: NDArray[np.int64]) -> None:
    pipeline = PIPELINES[name]().fit(rows, classes)
    quick = steps(pipeline)
    given = rows.copy()
    np.testing.assert_allclose(quick.function(rows), pipeline.predict_proba(rows), rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_array_equal(rows, given)
    both = Ways(pipeline.predict_proba, quick.function, least=1)
    assert set(differences(pipeline.predict_proba, both, batches(probes(quick.values)))) == {""}


@pytest.mark.parametrize(
    ("empty", "others"),
    [(3, 0), (3, 2), (1500, 0), (1200, 300), (600, 601)],
    ids=["all", "some", "many", "blocks", "block"],
)
def test_rows_without_any_value_are_filled_as_scikit_learn_does(
    empty: int, others: int, rows: Matrix, classes: NDArray[np.int64]
) -> None:
    """It leaves the means only where no row of a call has any value; large batches are cut into blocks."""
    pipeline = PIPELINES["svc"]().fit(rows, classes)
    both = Ways(pipeline.predict_proba, steps(pipeline).function, least=1)
    batch = np.vstack([np.full((empty, 5), np.nan), np.resize(rows, (others, 5))])
    np.testing.assert_allclose(both(batch), pipeline.predict_proba(batch), rtol=TOLERANCE)


def test_what_overflows_is_for_scikit_learn_to_refuse(rows: Matrix, classes: NDArray[np.int64]) -> None:
    pipeline = PIPELINES["svc"]().fit(rows, classes)
    both = Ways(pipeline.predict_proba, steps(pipeline).function, least=1)
    huge = rows[:2].copy()
    huge[0, 0] = 1e200
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="infinity"):
        both(huge)


@pytest.mark.parametrize(
    "pipeline",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(with_mean=False), KNeighborsClassifier()),
        make_pipeline(StandardScaler(), PolynomialFeatures(3), KNeighborsClassifier(algorithm="kd_tree")),
        make_pipeline(StandardScaler(), KNeighborsClassifier(weights="distance", algorithm="kd_tree")),
        make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(), method="isotonic", ensemble=False)),
        make_pipeline(IterativeImputer(add_indicator=True), StandardScaler(), svc()),
    ],
    ids=["estimator", "scaler", "degree", "weights", "method", "indicator"],
)
def test_what_the_steps_do_not_know_is_left_to_scikit_learn(
    pipeline: Any, rows: Matrix, classes: NDArray[np.int64]
) -> None:
    with pytest.raises(Unknown):
        steps(pipeline.fit(np.nan_to_num(rows), classes))


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
