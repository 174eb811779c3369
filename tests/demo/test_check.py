"""Whether the counts of a run add up."""

import msgspec
import pytest

from streamapp.embedded.demo.check import Summary, differences

GOOD = Summary(
    sent=100,
    rejected=1,
    predictions=97,
    dead_letters=3,
    mirrored=97,
    csv_rows=97,
    rows_per_second=50.0,
    p50_ms=10,
    p99_ms=20,
    first_prediction_s=12.5,
)


def changed(**fields: int) -> Summary:
    return msgspec.structs.replace(GOOD, **fields)


def test_counts_that_add_up_pass() -> None:
    assert differences(GOOD, produced=100) == []


def test_records_of_other_clients_are_no_difference() -> None:
    assert differences(GOOD, produced=90) == []


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (changed(sent=101), "101 records were sent, but 100 have an outcome"),
        (changed(dead_letters=4), "100 records were sent, but 101 have an outcome"),
        (changed(mirrored=96), "97 predictions, but 96 in the Redis mirror"),
        (changed(csv_rows=98), "97 predictions, but 98 in the CSV"),
        (changed(sent=99, predictions=96, mirrored=96, csv_rows=96), "had 100 records accepted, but only 99"),
        (changed(sent=3, predictions=0, mirrored=0, csv_rows=0), "Nothing was predicted"),
    ],
)
def test_a_count_that_does_not_add_up_is_said(summary: Summary, said: str) -> None:
    assert any(said in sentence for sentence in differences(summary, produced=min(summary.sent + 1, 100)))
