"""The Grafana dashboard: each panel can be drawn, and what it asks for is there."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import dashboards
import pytest
import yaml
from promtool import PROMETHEUS, RULES, promtool

from streamapp.metrics import edge, sinks, worker
from streamapp.supervisor.page import UP

#: Names and labels of the metrics of our parts, of what the rules record, and of what Prometheus and its client add.
EXPORTED = {one.name: {*one.labels} for part in (edge.PART, worker.PART, sinks.PART) for one in part.described} | {
    "topic:streamapp_lag_records:sum": {"topic"},
    "up": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    UP.name: {*UP.labels},
}
#: Labels that any series may have: from the scrape, from the page of several processes, from a histogram.
EVERYWHERE = {"job", "instance", "process", "le"}
SERIES = re.compile(r"\b(?:topic:)?(?:streamapp|process)_[a-z_]+(?::sum)?|\bup\b")


def asked() -> list[tuple[str, str]]:
    """Return each query of the dashboard and of the rules, with the name of its panel or rule."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    return [*dashboards.queries(), *((rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules)]


def metric(series: str) -> str:
    """Return the metric that a series belongs to: a histogram has three of its own."""
    return series if series in EXPORTED else re.sub(r"_(bucket|sum|count)$", "", series)


@pytest.mark.parametrize(("name", "query"), asked())
def test_dashboard_and_rules_ask_for_what_the_parts_export(name: str, query: str) -> None:
    metrics = {metric(series) for series in SERIES.findall(query)}
    assert metrics
    assert metrics <= EXPORTED.keys()
    grouped = {label for found in re.findall(r"\bby \(([^)]*)\)", query) for label in found.split(", ")}
    matched = set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', query))
    assert grouped | matched <= EVERYWHERE.union(*(EXPORTED[one] for one in metrics))


def test_every_metric_of_the_traffic_is_on_the_dashboard() -> None:
    shown = {metric(series) for _, query in dashboards.queries() for series in SERIES.findall(query)}
    assert EXPORTED.keys() - shown == {
        *("streamapp_requests_in_progress", "streamapp_edge_lag_records", "streamapp_lag_records"),
        *("streamapp_accepted_rows_total", "streamapp_rows_total", "streamapp_model_rows_total"),
        *("streamapp_model_predict_seconds", "process_start_time_seconds", UP.name),
    }


def test_each_query_is_one_that_prometheus_reads(tmp_path: Path) -> None:
    rules = [{"record": f"query:{n}", "expr": query} for n, (_, query) in enumerate(dashboards.queries())]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", file)


def test_panels_have_their_own_place_and_say_what_they_show() -> None:
    all_panels = dashboards.dashboard()["panels"]
    places = [panel["gridPos"] for panel in all_panels]
    assert [(a, b) for a, b in combinations(places, 2) if not _apart(a, b)] == []
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert len({panel["id"] for panel in all_panels}) == len(all_panels)
    for panel in dashboards.panels():
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_grafana_reads_the_prometheus_of_the_compose_file_and_that_the_parts() -> None:
    root = PROMETHEUS.parents[1]
    services: dict[str, Any] = yaml.safe_load((root / "docker-compose.yml").read_text())["services"]
    provisioned = yaml.safe_load((root / "observability/grafana/provisioning/datasources/prometheus.yml").read_text())
    (source,) = provisioned["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert services[host]["ports"] == [f"127.0.0.1:${{PROMETHEUS_PORT:-{port}}}:{port}"]
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    looked_up = [one for job in config["scrape_configs"] for one in job.get("dns_sd_configs", ())]
    assert {name for one in looked_up for name in one["names"]} == {"api", "worker", "sinks"}


def _apart(a: dict[str, int], b: dict[str, int]) -> bool:
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    return beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
