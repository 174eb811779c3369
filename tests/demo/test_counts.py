"""What is counted, and the arithmetic of the summary."""

import pytest
from msgspec import Raw

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.messages import Prediction
from streamapp.embedded.demo.counts import Counts, Latencies, Rate


def prediction(*labels: int, model: str = "svm") -> Prediction:
    return Prediction("id-1", model, "SVC", "1", "run", list(labels), "2024-01-01T00:00:00.000Z", Raw(b"[{}]"))


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.add(milliseconds)
    assert [latencies.percentile(share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]


def test_percentiles_of_nothing_are_none() -> None:
    assert Latencies().percentile(0.5) is None


def test_a_clock_that_stepped_back_counts_as_no_time() -> None:
    latencies = Latencies()
    latencies.add(-30.0)
    assert latencies.percentile(0.5) == 0


def test_the_rate_looks_back_a_few_seconds_only() -> None:
    rate = Rate()
    assert rate.update(0.0, 0) == 0.0
    assert rate.update(2.0, 200) == 100.0
    assert rate.update(10.0, 200) == 0.0


def test_the_lag_is_what_has_no_outcome_yet() -> None:
    counts = Counts()
    counts.sent = 5
    counts.add_prediction(prediction(1), accepted_ms=1_000, now=1.25)
    counts.add_dead_letters(["null_record", "null_record"])
    assert counts.lag == 2
    counts.sent = 2
    assert counts.lag == 0, "outcomes that were read before their requests are no negative lag"


def test_rows_a_second_are_those_between_the_first_prediction_and_the_last() -> None:
    counts = Counts()
    assert counts.rows_per_second == 0.0
    counts.add_prediction(prediction(1, 2, 0), accepted_ms=0, now=10.0)
    counts.add_prediction(prediction(1), accepted_ms=0, now=12.0)
    assert counts.rows_per_second == 2.0


def test_latencies_are_those_of_requests_since_the_first_prediction() -> None:
    counts = Counts()
    counts.add_prediction(prediction(1), accepted_ms=1_000, now=9.0)
    counts.add_prediction(prediction(1), accepted_ms=8_999, now=9.0)
    assert counts.latencies.percentile(1.0) is None
    counts.add_prediction(prediction(1), accepted_ms=9_500, now=9.525)
    assert counts.latencies.percentile(1.0) == 25


def test_the_last_prediction_of_a_model_is_in_the_words_of_its_card() -> None:
    counts = Counts()
    counts.add_prediction(prediction(0, 7), accepted_ms=1_000, now=1.0125)
    counts.add_prediction(prediction(1, model="knn"), accepted_ms=1_000, now=1.5)
    counts.add_card(ModelCard("svm", "SVC", "1", "run", "sklearn", (Feature("a"),), class_names={"0": "Low"}))
    assert [last.labels for last in counts.last] == [("1",), ("Low", "7")]
    assert counts.last[1].latency_ms == pytest.approx(12, abs=1)
