"""Headers of a request may be anything that Kafka takes: what is made of them can be written."""

from typing import Any, NamedTuple

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from streamapp.contracts.settings import load_settings
from streamapp.delivery.records import outputs
from streamapp.scoring.records import Outcome, Scored
from streamapp.scoring.score import Scorer


class Asked(NamedTuple):
    """A record as the consumer hands it over."""

    headers: Any
    value: bytes | None = None
    topic: str = "mlops_stream"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None


@pytest.mark.parametrize(
    "headers",
    [
        (("traceparent", None), ("tracestate", None), ("ce_id", None), ("other", None)),
        (("ce_id", b"a"), ("ce_id", b"b"), ("traceparent", b"1"), ("traceparent", b"2")),
        (("", b""), ("\x00", b"\xff"), ("dl_attempt", None), ("dl_code", b"\xff")),
    ],
    ids=["null", "twice", "odd"],
)
def test_a_prediction_and_a_dead_letter_of_odd_headers_fit_a_record_batch(headers: Any) -> None:
    record = Asked(headers)
    outcome = Outcome([Scored(record, "id", b"{}")], Scorer({}).score([record]).dead_letters)
    batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    records = [output for _, part in outputs(outcome, load_settings()) for output in part]
    for offset, output in enumerate(records):
        batch.append(offset, output.timestamp, output.key, output.value, output.headers)
    written = [list(found.headers) for found in DefaultRecordBatch(bytes(batch.build()))]
    assert written == [output.headers for output in records]
    assert len(written) == 2
