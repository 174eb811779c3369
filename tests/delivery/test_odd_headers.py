"""Headers of a request may be anything that Kafka takes: what is made of them can be written."""

from typing import Any

import pytest
from delivery_support import In, written

from streamapp.contracts.settings import load_settings
from streamapp.scoring.records import Outcome, Scored
from streamapp.scoring.score import Scorer

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ((("traceparent", None), ("tracestate", None), ("ce_id", None), ("other", None)), set()),
        ((("ce_id", b"a"), ("ce_id", b"b"), ("traceparent", PARENT), ("traceparent", PARENT)), set()),
        ((("tracestate", b"a=1"), ("tracestate", b"b=2"), ("traceparent", PARENT)), {"traceparent", "tracestate"}),
        ((("", b""), ("\x00", b"\xff"), ("dl_attempt", None), ("dl_code", b"\xff")), set()),
    ],
    ids=["null", "twice", "state twice", "odd"],
)
def test_a_prediction_and_a_dead_letter_of_odd_headers_fit_a_record_batch(headers: Any, trace: set[str]) -> None:
    record = In(0, value=None, headers=headers)
    outcome = Outcome([Scored(record, "id", b"{}")], Scorer({}).score([record]).dead_letters)
    (_, prediction), (_, letter) = written(outcome, load_settings())
    names = [name for name, _ in prediction.headers]
    assert set(names[9:]) == trace
    assert len(names) == len(set(names)) == 9 + len(trace)
    assert letter.value == record.value
    assert dict(letter.headers)["dl_code"] == b"null_record"
