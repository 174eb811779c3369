"""The rules of Prometheus, as Prometheus itself reads them."""

import shutil
from pathlib import Path

import yaml
from promtool import PROMETHEUS, RULES, promtool

ROOT = Path(__file__).parents[2]
TESTS = Path(__file__).with_name("rules.test.yml")


def alerts() -> list[str]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


def test_prometheus_reads_its_configuration_and_the_rules() -> None:
    assert f"{len(alerts()) + 1} rules found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_prometheus_reads_its_configuration_with_a_key_for_the_edge(tmp_path: Path) -> None:
    config = (PROMETHEUS / "prometheus.yml").read_text().replace("# authorization:", "authorization:")
    (edge, *_) = yaml.safe_load(config)["scrape_configs"]
    assert edge["authorization"] == {"credentials_file": "edge-key"}
    shutil.copy(RULES, tmp_path)
    (tmp_path / "edge-key").write_text("a key")
    (tmp_path / "prometheus.yml").write_text(config)
    promtool("check", "config", tmp_path / "prometheus.yml")


def test_alerts_fire_when_they_have_to_and_not_before() -> None:
    promtool("test", "rules", TESTS)


def test_each_alert_is_seen_to_fire_and_not_to_fire() -> None:
    groups = yaml.safe_load(TESTS.read_text())["tests"]
    cases = [case for group in groups for case in group.get("alert_rule_test", ())]
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    silent = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fired == set(alerts())
    assert silent == set(alerts())


def test_each_alert_names_its_entry_in_the_runbook() -> None:
    entries = [line[3:] for line in (ROOT / "docs/runbook.md").read_text().splitlines() if line.startswith("## ")]
    assert entries == alerts()
    text = RULES.read_text()
    assert [name for name in entries if f"runbook_url: docs/runbook.md#{name.lower()}" not in text] == []
