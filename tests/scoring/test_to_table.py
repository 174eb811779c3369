"""Rows as a model takes them: each value arrives, in the type that pandas has for such columns."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamapp.contracts.card import Feature, ModelCard
from streamapp.scoring.model import missing, to_table

TYPES = ("number", "integer", "string", "boolean", "timestamp")
CARD = ModelCard("mine", "Mine", "1", "run", "sklearn", tuple(Feature(kind, kind) for kind in TYPES))
VALUES = {
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "integer": st.integers(-(2**53), 2**53),
    "string": st.text(max_size=5),
    "boolean": st.booleans(),
    "timestamp": st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)),  # noqa: DTZ001  # as a request without a zone
}
ROWS = st.lists(st.tuples(*(st.none() | VALUES[kind] for kind in TYPES)), min_size=1, max_size=6)


@given(ROWS)
def test_every_value_arrives_and_every_gap_is_told(rows: list[tuple[Any, ...]]) -> None:
    frame = to_table(CARD, rows)
    assert isinstance(frame, pd.DataFrame)
    gaps = [[kind for kind, value in zip(TYPES, row, strict=True) if value is None] for row in rows]
    assert (missing(CARD, frame) or [[] for _ in rows]) == gaps
    for place, row in enumerate(rows):
        arrived = frame.iloc[place]
        assert all(arrived[kind] == value for kind, value in zip(TYPES, row, strict=True) if value is not None)
    whole = [all(row[place] is not None for row in rows) for place in range(len(TYPES))]
    kinds = ["f", "i" if whole[1] else "f", "O", "b" if whole[3] else "O", "M"]
    assert [frame[kind].dtype.kind for kind in TYPES] == kinds


def test_times_are_in_utc_and_one_that_no_frame_can_hold_is_an_error() -> None:
    card = ModelCard("mine", "Mine", "1", "run", "sklearn", (Feature("since", "timestamp"),))
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    times = [noon, noon.astimezone(timezone(timedelta(hours=2))), noon.replace(tzinfo=None)]
    frame = to_table(card, [(time,) for time in times])
    assert isinstance(frame, pd.DataFrame)
    assert frame["since"].tolist() == [pd.Timestamp("2024-05-01T12:00")] * 3
    assert frame["since"].dtype == np.dtype("datetime64[ns]")
    with pytest.raises(ValueError, match="1500"):
        to_table(card, [(noon.replace(year=1500),)])
