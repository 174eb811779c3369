"""Every pod keeps the profile `restricted` of Kubernetes' Pod Security Standards, and has bounds."""

from typing import Any

import pytest
from manifests import one, pods

PODS = dict(pods())


@pytest.fixture(params=sorted(PODS))
def pod(request: pytest.FixtureRequest) -> dict[str, Any]:
    spec: dict[str, Any] = PODS[request.param]
    return spec


def test_there_are_four() -> None:
    assert set(PODS) == {"edge", "worker", "sinks", "trainer"}


def test_a_pod_is_restricted(pod: dict[str, Any]) -> None:
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_pod_knows_neither_the_cluster_s_api_nor_the_addresses_of_other_services(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    # A Service named streamapp-api would set STREAMAPP_API_PORT to tcp://..., which is no port.
    assert pod["enableServiceLinks"] is False


def test_a_pod_hears_a_sigterm_from_its_first_moment_on(pod: dict[str, Any]) -> None:
    # Process 1 hears none before it has a handler, and would be killed at the end of its grace.
    assert pod["shareProcessNamespace"] is True
    assert len(pod["containers"]) == 1


def test_memory_and_scratch_space_are_bounded_and_processors_asked_for(pod: dict[str, Any]) -> None:
    for container in pod["containers"]:
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert "memory" in resources["limits"]
    assert all(volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if "emptyDir" in volume)


def test_nobody_speaks_with_anybody_who_is_not_named() -> None:
    all_parts = one("NetworkPolicy", "streamapp")["spec"]
    assert all_parts["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in all_parts
    assert {port["port"] for rule in all_parts["egress"] for port in rule["ports"]} == {53}
    for component in PODS:
        policy = one("NetworkPolicy", f"streamapp-{component}")["spec"]
        assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == component
