"""Rows that are gathered are those that came, whatever the pieces that they came in."""

from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring_support import card

from streamapp.contracts.card import Feature
from streamapp.scoring.gathered import Gathered
from streamapp.scoring.model import to_table

MATRIX = card()
FRAME = card(features=(Feature("age", "integer"), Feature("city", "string")))


@given(st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_any_part_of_a_matrix_is_what_its_rows_make(sizes: list[int]) -> None:
    gathered, rows = Gathered(MATRIX), [(float(i), None if i % 3 else -float(i)) for i in range(sum(sizes))]
    ends = [0, *accumulate(sizes)]
    for start, end in pairwise(ends):
        gathered.extend(rows[start:end])
        assert len(gathered) == end
    for start, end in chain(pairwise(ends), [(0, len(rows))]):
        if start < end:
            np.testing.assert_array_equal(gathered.table(start, end), to_table(MATRIX, rows[start:end]))


def test_a_part_of_a_frame_has_the_types_of_its_own_rows() -> None:
    gathered = Gathered(FRAME)
    gathered.extend([(1, "Sucre"), (None, None)])
    gathered.extend([(2, "La Paz")])
    whole, last = gathered.table(0, 3), gathered.table(2, 3)
    assert isinstance(whole, pd.DataFrame)
    assert isinstance(last, pd.DataFrame)
    assert [whole["age"].dtype.kind, last["age"].dtype.kind] == ["f", "i"]
    assert last["city"].tolist() == ["La Paz"]


@pytest.mark.parametrize("of", [MATRIX, FRAME], ids=["matrix", "frame"])
def test_what_a_model_writes_into_its_table_the_next_attempt_does_not_see(of: Any) -> None:
    gathered = Gathered(of)
    gathered.extend([(1, 2)] if of is MATRIX else [(1, "Sucre")])
    first = gathered.table(0, 1)
    before = np.array(first, copy=True)
    if isinstance(first, pd.DataFrame):
        first.iloc[0, 0] = 99
    else:
        first[:] = 99
    np.testing.assert_array_equal(np.asarray(gathered.table(0, 1)), before)
