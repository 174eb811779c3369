"""Records, predictions and failures are freed with their batch: the collector looks seldom, and batches are large."""

import gc
from collections.abc import Sequence

from scoring_support import In, ask, card

from streamapp.contracts.card import Feature
from streamapp.scoring.model import FunctionModel, Table
from streamapp.scoring.score import Scorer


def fail(table: Table) -> list[int]:
    raise ValueError(f"{len(table)} rows")


def left_behind(scorer: Scorer, records: Sequence[In]) -> int:
    """Return how many objects of five batches only the collector frees."""
    scorer.score(records)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            scorer.score(records)
        return gc.collect()
    finally:
        gc.enable()


def test_batches_that_are_scored_or_refused_leave_nothing_to_collect() -> None:
    scorer = Scorer({"svm": FunctionModel(card(features=(Feature("x"),)), lambda table: [0] * len(table))})
    records = [ask([{"x": i}] if i % 4 else [{"y": i}], offset=i) for i in range(400)]
    assert len(scorer.score(records).dead_letters) == 100
    assert left_behind(scorer, records) < 20  # of two thousand records


def test_a_model_that_raises_leaves_nothing_to_collect() -> None:
    scorer = Scorer({"svm": FunctionModel(card(features=(Feature("x"),)), fail)})
    records = [ask([{"x": i}], offset=i) for i in range(20)]
    assert len(scorer.score(records).dead_letters) == 20
    assert left_behind(scorer, records) < 20  # of a hundred failures; with their frames it is thousands
