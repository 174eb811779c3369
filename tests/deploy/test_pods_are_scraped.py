"""Prometheus in the cluster finds the parts, and calls them by the jobs that rules and dashboard ask for."""

import json
import re
from pathlib import Path

import yaml
from manifests import container, written
from promtool import PROMETHEUS, promtool

#: With the key of an edge that asks for one.
CONFIG = yaml.safe_load((PROMETHEUS / "kubernetes.yml").read_text().replace("# authorization:", "authorization:"))
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
PARTS = ("edge", "worker", "sinks")


def discovered() -> list[dict[str, object]]:
    """Return the pods as Prometheus' discovery of Kubernetes tells of them, and one of somebody else's."""
    pods = [document["spec"]["template"]["metadata"] for document in written() if "template" in document["spec"]]
    assert len(pods) == len(PARTS) + 1
    return [told(pod["labels"]) for pod in pods] + [told({NAME: "other", COMPONENT: "worker"})]


def told(labels: dict[str, str]) -> dict[str, object]:
    meta = {f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', name)}": labels[name] for name in labels}
    name = "-".join(labels.values())
    return {"targets": [f"{name}:1"], "labels": meta | {"__meta_kubernetes_pod_name": name}}


def test_jobs_are_the_parts_and_instances_their_pods(tmp_path: Path) -> None:
    (job,) = CONFIG["scrape_configs"]
    assert (tmp_path / job["authorization"]["credentials_file"]).write_text("a key")
    # Debian's Prometheus is built without the discovery of Kubernetes.
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": ["streamapp"]}}]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job | {"static_configs": discovered()}]}))
    targets = [each["labels"] for each in json.loads(promtool("check", "service-discovery", file, job["job_name"]))]
    assert sorted((found["job"], found["instance"]) for found in targets if found) == sorted(
        (part, f"streamapp-{part}") for part in PARTS
    )


def test_a_pod_has_one_port_which_its_page_is_on() -> None:
    # A target is made for each.
    assert [len(container(part)["ports"]) for part in PARTS] == [1, 1, 1]
    assert "ports" not in container("trainer")
