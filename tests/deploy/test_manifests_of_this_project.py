"""Each setting, port, path, user and image in deploy/ is one that the parts have."""

import re
from pathlib import PurePosixPath

import httpx
import pytest
from aiohttp import web
from draining import longest
from manifests import ROOT, annotations, container, environment, one, pod, pods, shared

from api.app import create_app
from models.employees.recipes import RECIPES
from streamapp import __version__
from streamapp.agents.health import Health
from streamapp.contracts.settings import Settings, load_settings, variable
from streamapp.contracts.urls import split
from streamapp.embedded.processes import free_port
from streamapp.sinks.page import served as sinks_page
from streamapp.sinks.standing import Standing
from streamapp.supervisor.page import Page

PARTS = ("edge", "worker", "sinks", "trainer")
#: MLflow's own.
FOREIGN = {"MLFLOW_DISABLE_TELEMETRY", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def loaded(monkeypatch: pytest.MonkeyPatch, part: str) -> Settings:
    """The settings as a part reads them."""
    for name, value in environment(part).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2].partition("/")[0])


def allowed(part: str, way: str) -> set[int]:
    """The ports that a part's network policy lets in (ingress) or out (egress)."""
    rules = one("NetworkPolicy", f"streamapp-{part}")["spec"].get(way, ())
    return {port["port"] for rule in rules for port in rule["ports"]}


def probes(part: str) -> set[str]:
    described = [container(part).get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")]
    return {probe["httpGet"]["path"] for probe in described if probe}


@pytest.mark.parametrize("part", PARTS)
def test_each_variable_is_a_setting_and_its_value_is_taken(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {variable(name) for name in Settings.model_fields}
    assert environment(part).keys() - FOREIGN <= known
    loaded(monkeypatch, part)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_runs_an_image_of_the_dockerfile_as_its_user(part: str) -> None:
    assert container(part)["image"] == f"streamapp-{part}"
    assert re.search(rf"^FROM \S+ AS {part}$", DOCKERFILE, re.MULTILINE)
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0]
    context = pod(part)["securityContext"]
    assert [context["runAsUser"], context["runAsGroup"], context["fsGroup"]] == [int(user), int(group), int(group)]


def test_the_example_has_the_version_of_the_project() -> None:
    text = (ROOT / "deploy/example/kustomization.yaml").read_text()
    assert set(re.findall(r"newTag: (\S+)}", text)) == {__version__}


def test_the_edge_is_probed_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, "edge")
    (port,) = container("edge")["ports"]
    (service,) = one("Service", "streamapp-edge")["spec"]["ports"]
    assert {settings.api_port} == {port["containerPort"], service["port"]} == allowed("edge", "ingress")
    assert service["targetPort"] == port["name"] == "http"
    assert settings.api_host == "0.0.0.0"  # noqa: S104  # the kubelet and other pods come from elsewhere
    assert probes("edge") == {"/livez", "/readyz"}
    assert probes("edge") | {"/metrics"} <= set(create_app(settings).openapi()["paths"])


async def test_a_worker_is_probed_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, "worker")
    (port,) = container("worker")["ports"]
    assert {settings.worker_web_port} == {port["containerPort"]} == allowed("worker", "ingress")
    assert settings.worker_web_host == "0.0.0.0"  # noqa: S104  # as above
    assert probes("worker") == {"/livez", "/readyz"}
    page = web.Application()
    Health.install(object.__new__(Health), type("Web", (), {"web_app": page}))
    assert probes("worker") <= {route.resource.canonical for route in page.router.routes() if route.resource}
    async with Page({}).served("127.0.0.1", free_port()) as served, httpx.AsyncClient(trust_env=False) as client:
        for path in probes("worker"):
            assert (await client.get(f"http://127.0.0.1:{served}{path}")).status_code == 200


async def test_the_sinks_are_probed_where_they_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, "sinks")
    (port,) = container("sinks")["ports"]
    assert {settings.sinks_web_port} == {port["containerPort"]} == allowed("sinks", "ingress")
    assert settings.sinks_web_host == "0.0.0.0"  # noqa: S104  # as above
    assert probes("sinks") == {"/livez"}
    here = settings.model_copy(update={"sinks_web_host": "127.0.0.1", "sinks_web_port": free_port()})
    async with sinks_page(here, (), Standing("csv")) as served, httpx.AsyncClient(trust_env=False) as client:
        for path in (*probes("sinks"), "/metrics"):
            assert (await client.get(f"http://127.0.0.1:{served}{path}")).status_code == 200


@pytest.mark.parametrize("part", ["edge", "worker", "sinks"])
def test_prometheus_is_led_to_the_port_that_is_let_in(part: str) -> None:
    (port,) = container(part)["ports"]
    said = annotations(part)
    assert said == {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": "/metrics",
        "prometheus.io/port": str(port["containerPort"]),
    }


@pytest.mark.parametrize("part", ["edge", "worker"])
def test_a_probe_waits_longer_than_a_page_asks_its_processes(part: str) -> None:
    waits = [container(part)[f"{kind}Probe"]["timeoutSeconds"] for kind in ("startup", "liveness", "readiness")]
    assert min(waits) > 2


@pytest.mark.parametrize(
    ("part", "services"),
    [
        ("edge", {"broker", "redis"}),
        ("worker", {"broker", "mlflow"}),
        ("sinks", {"broker", "redis"}),
        ("trainer", {"mlflow"}),
    ],
)
def test_a_part_reaches_the_services_that_it_needs_and_no_others(
    part: str, services: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = loaded(monkeypatch, part)
    ports = {
        "broker": port_of(settings.bootstrap_servers[0]),
        "redis": split(settings.redis_url.get_secret_value()).port,
        "mlflow": split(settings.mlflow_tracking_uri).port,
    }
    assert allowed(part, "egress") == {ports[name] for name in services}


@pytest.mark.parametrize("part", PARTS)
def test_what_a_part_writes_lies_on_a_volume(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, part)
    mounts = {mount["mountPath"]: not mount.get("readOnly", False) for mount in container(part)["volumeMounts"]}
    assert mounts["/tmp"]  # noqa: S108  # HOME of the images, and where models are copied to
    assert settings.var_dir.is_relative_to("/tmp")  # noqa: S108  # as above
    if part == "sinks":
        assert mounts[str(settings.csv_path.parent)]
    if part in {"worker", "trainer"}:
        assert mounts[str(settings.model_manifests)] is (part == "trainer")
    if part != "trainer":
        assert not mounts[str(Settings.model_fields["secrets_dir"].default)]


def test_what_others_are_told_of_the_topics_is_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, "worker")
    spec = one("ScaledObject", "streamapp-worker")["spec"]
    triggers = [trigger["metadata"] for trigger in spec["triggers"]]
    assert tuple(trigger["topic"] for trigger in triggers) == settings.input_topics
    assert {trigger["consumerGroup"] for trigger in triggers} == {settings.group}
    assert spec["maxReplicaCount"] == settings.partitions
    assert settings.partitions >= one("Deployment", "streamapp-worker")["spec"]["replicas"]
    assert one("HorizontalPodAutoscaler", "streamapp-edge")["spec"]["maxReplicas"] == settings.reply_partitions


def test_keda_is_told_nothing_that_is_for_parts_which_may_be_none() -> None:
    spec = one("ScaledObject", "streamapp-worker")["spec"]
    assert spec["minReplicaCount"] > 0
    told = {name for trigger in spec["triggers"] for name in trigger["metadata"]}
    assert [name for name in told if re.search("activation|ToZero", name)] == []


def test_workers_are_to_serve_what_the_trainer_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, "worker")
    assert container("trainer")["command"] == ["streamapp", "train", "employees"]
    assert set(settings.models.values()) == set(RECIPES)
    assert settings.model_topics.keys() <= settings.models.keys()


def test_each_autoscaler_and_budget_is_for_a_part_that_there_is() -> None:
    for component in ("edge", "worker"):
        budget = one("PodDisruptionBudget", f"streamapp-{component}")["spec"]
        workload = one("Deployment", f"streamapp-{component}")["spec"]
        assert budget["selector"] == workload["selector"]
        assert workload["selector"]["matchLabels"] == workload["template"]["metadata"]["labels"]
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        component = "edge" if kind == "HorizontalPodAutoscaler" else "worker"
        target = one(kind, f"streamapp-{component}")["spec"]["scaleTargetRef"]
        assert target["name"] == f"streamapp-{component}"
        assert "replicas" not in one("Deployment", "streamapp-edge")["spec"]


@pytest.mark.parametrize("part", ["edge", "worker", "sinks"])
def test_a_part_is_killed_only_after_it_had_its_time_to_end(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = container(part).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    needed = sleep + longest(part, loaded(monkeypatch, part).shutdown_timeout)  # type: ignore[arg-type]  # a part
    assert needed <= pod(part)["terminationGracePeriodSeconds"]


def test_names_of_the_secret_s_files_are_settings() -> None:
    keys = {each["key"] for each in one("TriggerAuthentication", "streamapp-worker")["spec"]["secretTargetRef"]}
    assert {key.upper() for key in keys} <= {variable(name) for name in Settings.model_fields}
    assert {pod(part)["volumes"][1]["secret"]["secretName"] for part in PARTS[:3]} == {
        f"streamapp-{part}" for part in PARTS[:3]
    }


def test_no_password_stands_in_the_settings_of_all() -> None:
    secret = re.compile("PASSWORD|TOKEN|API_KEY$")
    assert not [name for name in shared() if secret.search(name)]
    assert split(shared()["STREAMAPP_REDIS_URL"]).password is None


def test_each_path_of_a_mount_is_absolute_and_its_volume_is_there() -> None:
    for _, spec in pods():
        volumes = {volume["name"] for volume in spec["volumes"]} | {"audit"}  # the StatefulSet's own
        for mount in spec["containers"][0]["volumeMounts"]:
            assert PurePosixPath(mount["mountPath"]).is_absolute()
            assert mount["name"] in volumes
