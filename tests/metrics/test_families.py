"""How metrics are made: what is counted by weight is what would have been counted one by one."""

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from streamapp.contracts.errors import Code
from streamapp.metrics import edge, sinks, worker
from streamapp.metrics.exposition import page
from streamapp.metrics.families import Described, Part

BOUNDS = (0.1, 1.0, 10.0)


def only(part: Part, name: str) -> list[str]:
    return [line for line in generate_latest(part.registry).decode().splitlines() if line.split("{")[0] == name]


def test_amounts_with_weights_are_counted_as_if_one_by_one() -> None:
    part, registry = Part(), CollectorRegistry()
    weighted = part.weighted("waits_seconds", "Waits.", BOUNDS, "model")
    plain = Histogram("waits_seconds", "Waits.", ["model"], buckets=BOUNDS, registry=registry)
    for model, amounts in {"a": {0.1: 3, 0.5: 1, 20.0: 2}, "b": {1.5: 7}}.items():
        weighted.observe(model, amounts.items())
        for amount, weight in amounts.items():
            for _ in range(weight):
                plain.labels(model).observe(amount)
    (ours,) = list(weighted.collect())
    (theirs,) = list(registry.collect())
    assert [(one.name, one.labels, one.value) for one in ours.samples] == [
        (one.name, one.labels, pytest.approx(one.value)) for one in theirs.samples
    ]


def test_no_model_is_looked_for_twice_and_a_record_without_a_time_is_left_out() -> None:
    before = {name: worker.RECORDS.labels("timed", name)._value.get() for name in ("predicted", "dead")}
    worker.predicted("timed", [1000, 1000, -1, 9000], 2, now=4.0)
    after = {name: worker.RECORDS.labels("timed", name)._value.get() for name in ("predicted", "dead")}
    assert {name: after[name] - before[name] for name in after} == {"predicted": 4, "dead": 2}
    counted = {
        sample.name.rpartition("_")[2]: sample.value
        for sample in next(iter(worker.END_TO_END_SECONDS.collect())).samples
        if sample.labels["model"] == "timed"
    }
    assert (counted["count"], counted["sum"]) == (3, 6.0)  # 3 s twice, and one that is from the future


def test_what_is_counted_first_is_an_increase() -> None:
    """Prometheus takes a series' first sample for its beginning."""
    worker.serves("served")
    lines = generate_latest(worker.PART.registry).decode().splitlines()
    first = {line.rpartition(" ")[0] for line in lines}
    assert {f'streamapp_dead_letters_total{{code="{code}"}}' for code in Code} <= first
    for model in ("other", "served"):
        assert f'streamapp_records_total{{model="{model}",result="dead"}}' in first
        assert f'streamapp_records_total{{model="{model}",result="predicted"}}' in first
    assert 'streamapp_model_swaps_total{alias="served"} 0.0' in lines
    assert 'streamapp_model_refusals_total{alias="served"} 0.0' in lines


@pytest.mark.parametrize("part", [edge.PART, worker.PART, sinks.PART], ids=["edge", "worker", "sinks"])
def test_names_are_those_of_prometheus(part: Part) -> None:
    for metric in part.described:
        assert metric.name.startswith("streamapp_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert not {"id", "record_id", "trace_id", "offset"} & set(metric.labels)
        assert metric.says.endswith(".")
    assert len({metric.name for metric in part.described}) == len(part.described)


def test_the_unit_is_the_one_that_the_name_ends_with() -> None:
    names = ("streamapp_x_seconds", "streamapp_x_records", "streamapp_audit_rows_total", "streamapp_x_info")
    assert [Described(name, "gauge", (), "").unit for name in names] == ["seconds", "records", "rows", ""]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", "application/openmetrics-text"),
    ],
)
def test_a_page_is_in_the_form_that_is_asked_for(accept: str | None, content_type: str) -> None:
    body, said = page(worker.PART.registry, accept)
    assert said.startswith(content_type)
    if "openmetrics" in said:
        names = {family.name for family in text_string_to_metric_families(body.decode())}
        assert {"streamapp_records", "streamapp_stage_seconds", "process_cpu_seconds"} <= names
    assert b"_created" not in body
