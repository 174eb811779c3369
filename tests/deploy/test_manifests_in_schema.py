"""What kustomize makes of deploy/ is what Kubernetes and KEDA take."""

import copy
from collections import Counter
from pathlib import Path

import pytest
from manifests import EXAMPLE, containers, everything, rendered
from schemas import faults

from streamapp.contracts.urls import split

pytestmark = pytest.mark.usefixtures("kustomize", "schema_check")


def test_the_example_fits_the_schemas_and_has_one_settings_map_that_all_parts_read() -> None:
    documents = rendered(EXAMPLE)
    assert faults(documents) == []
    (settings,) = [each for each in documents if each["kind"] == "ConfigMap"]
    workloads = [each for each in documents if "template" in each.get("spec", ())]
    sources = [each["spec"]["template"]["spec"]["containers"][0]["envFrom"] for each in workloads]
    assert sources == [[{"configMapRef": {"name": settings["metadata"]["name"]}}]] * 3
    assert {each["metadata"]["namespace"] for each in documents} == {"streamapp"}


def test_all_components_together_fit_the_schemas(tmp_path: Path) -> None:
    documents = rendered(everything(tmp_path))
    assert faults(documents) == []
    kinds = Counter(each["kind"] for each in documents)
    assert (kinds["ScaledObject"], kinds["TriggerAuthentication"], kinds["Job"]) == (1, 1, 1)


def test_each_image_comes_from_where_the_cluster_pulls(tmp_path: Path) -> None:
    pulled = {container["name"]: container["image"] for container in containers(rendered(everything(tmp_path)))}
    assert set(pulled) == {"edge", "worker", "sinks", "trainer"}
    assert [image for image in pulled.values() if not image.startswith("images.example.com/")] == []


def test_spans_may_leave_for_the_collector_that_the_example_names(tmp_path: Path) -> None:
    documents = rendered(everything(tmp_path))
    (settings,) = [each["data"] for each in documents if each["kind"] == "ConfigMap"]
    policies = {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == "NetworkPolicy"}
    open_to = {
        name.removeprefix("streamapp-")
        for name, policy in policies.items()
        for port in (port for rule in policy["egress"] for port in rule["ports"])
        if port["port"] == split(settings["OTEL_EXPORTER_OTLP_ENDPOINT"]).port
    }
    assert open_to == {"edge", "worker"}


def test_keda_has_the_broker_of_the_settings_and_the_number_of_workers() -> None:
    documents = {(each["kind"], each["metadata"]["name"].removesuffix("-worker")): each for each in rendered(EXAMPLE)}
    (broker,) = {each["data"]["STREAMAPP_BROKER"] for (kind, _), each in documents.items() if kind == "ConfigMap"}
    triggers = documents["ScaledObject", "streamapp"]["spec"]["triggers"]
    assert {trigger["metadata"]["bootstrapServers"] for trigger in triggers} == {broker}
    assert "replicas" not in documents["Deployment", "streamapp"]["spec"]


def test_the_trainer_s_volume_takes_the_place_of_the_config_map(tmp_path: Path) -> None:
    (worker,) = [
        each
        for each in rendered(everything(tmp_path))
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "streamapp-worker")
    ]
    (volume,) = [each for each in worker["spec"]["template"]["spec"]["volumes"] if each["name"] == "manifests"]
    claim = {"claimName": "streamapp-manifests", "readOnly": True}
    assert volume == {"name": "manifests", "persistentVolumeClaim": claim}


@pytest.mark.parametrize(
    ("kind", "field"),
    [("Deployment", "readinesProbe"), ("ScaledObject", "maxReplicas"), ("Service", "sesionAffinity")],
)
def test_a_field_that_nobody_knows_is_found(kind: str, field: str) -> None:
    documents = copy.deepcopy([each for each in rendered(EXAMPLE) if each["kind"] == kind])
    for document in documents:
        document["spec"][field] = 1
    found = faults(documents)
    assert found
    assert all(field in line for line in found)
