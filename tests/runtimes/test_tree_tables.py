"""Boosted trees as tables: LightGBM's sums to the last bit and probabilities but for rounding, or LightGBM itself."""

import tracemalloc
from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from streamapp.runtimes.parity import batches, differences, probes
from streamapp.runtimes.trees import tables
from streamapp.runtimes.ways import Unknown

Matrix = NDArray[np.float64]
#: Steps between neighbouring numbers that a probability may differ by: NumPy and the C library round an exponential
#: alike on some processors and not on others.
ROUNDED = 4


def booster(rows: Matrix, labels: Any, rounds: int = 30, **params: Any) -> Any:
    categories = params.pop("categories", [])
    data = lightgbm.Dataset(rows, labels, categorical_feature=categories)
    return lightgbm.train({"verbose": -1, "num_threads": 1, **params}, data, rounds)


@pytest.mark.parametrize("leaves", [2, 8, 31, 60])
@pytest.mark.parametrize("objective", ["multiclass", "binary", "regression"])
def test_trees_answer_as_lightgbm_does(rows: Matrix, classes: NDArray[np.int64], objective: str, leaves: int) -> None:
    params = {"objective": objective, "num_leaves": leaves, "min_data_in_leaf": 3}
    if objective == "multiclass":
        params["num_class"] = 3
    model = booster(rows, classes > 0 if objective == "binary" else classes, **params)
    quick = tables(model)
    worst = probes(quick.values)
    np.testing.assert_array_max_ulp(
        quick.function(worst), model.predict(worst), 0 if objective == "regression" else ROUNDED
    )
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
    np.testing.assert_array_max_ulp(tables(model).function(rows), model.predict(rows), ROUNDED)


def test_missing_values_go_where_lightgbm_sends_them_in_features_that_never_lacked_any(
    rows: Matrix, classes: NDArray[np.int64]
) -> None:
    complete = np.nan_to_num(rows)
    for options in ({}, {"use_missing": False}):
        model = booster(complete, classes, objective="multiclass", num_class=3, **options)
        np.testing.assert_array_max_ulp(tables(model).function(rows), model.predict(rows), ROUNDED)


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
