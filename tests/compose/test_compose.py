"""docker-compose.yml as it runs. Where Redpanda's image cannot be had, Apache Kafka stands in its place."""

import asyncio
import contextlib
import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial

import dashboards
import httpx
import pytest
import waiting
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from composed import LONG_RUNNING, Composed, composed, inspect, state
from engine import engine
from redis import Redis

from streamapp.clients.scanning import scan
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics

#: Images are built where there are none; models are trained; every service is killed and comes back.
pytestmark = pytest.mark.timeout(840)

#: As the older systems' handbooks have them.
ITEM = json.loads("""{
    "state": "SP", "city": "Sao Paulo", "local_pickup": true, "free_shipping": false, "shipping_mode": "standard",
    "listing_type": "gold_special", "buying_mode": "buy_it_now", "status": "active", "accepts_mercadopago": true,
    "currency": "BRL", "automatic_relist": false, "stock_quantity": 10, "available_quantity": 5,
    "total_amount": 100.0, "date_difference_hr": 24.0, "time_difference_hr": 12.0
}""")
EMPLOYEE = {"data": [{"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}]}
#: Panels that have nothing to show while all goes well.
QUIET = {"Dead letters, by code", "Switches of version"}
MODELS = ("SVC", "Knn_Classifier", "LightGBM_Classifier", "AutoGluon_Marketplace")


@pytest.fixture(scope="module")
def system() -> Iterator[Composed]:
    with engine(), composed() as running:
        yield running


def test_nobody_is_root_and_parts_of_ours_write_to_volumes_alone(system: Composed) -> None:
    found = {name: inspect(system.containers(name)[0]) for name in LONG_RUNNING}
    assert [name for name, one in found.items() if one["Config"]["User"].split(":")[0] in {"", "0", "root"}] == []
    assert [name for name, one in found.items() if not one["HostConfig"]["ReadonlyRootfs"]] == ["redpanda"]


def test_edge_producer_and_sinks_carry_no_machine_learning(system: Composed) -> None:
    libraries = "numpy pandas sklearn mlflow lightgbm autogluon faust"
    find = f"import importlib.util as u; print([n for n in '{libraries}'.split() if u.find_spec(n)])"
    found = {name: system.inside(name, "python", "-c", find) for name in ("api", "producer", "sinks")}
    assert found == dict.fromkeys(found, "[]\n")


def test_no_image_has_what_builds(system: Composed) -> None:
    find = "import shutil; print([n for n in 'uv gcc cc make git'.split() if shutil.which(n)])"
    found = {
        name: system.inside(name, "python", "-c", find) for name in ("api", "producer", "sinks", "worker", "mlflow")
    }
    assert found == dict.fromkeys(found, "[]\n")


@pytest.mark.parametrize("port", ["REQUESTS_PORT", "API_PORT"])
def test_the_older_request_is_answered_on_both_ports(system: Composed, port: str) -> None:
    answer = httpx.post(f"{system.url(port)}/predict", json=ITEM, timeout=15)
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["prediction"]
    assert answer.json()["prediction"] in {"new", "used"}


def test_a_batch_is_answered_as_the_older_streaming_system_did(system: Composed) -> None:
    answer = httpx.post(f"{system.url()}/predict", params={"model": "svm"}, json=EMPLOYEE, timeout=15).json()
    assert sorted(answer) == ["alias", "n_samples", "predictions", "registered_name", "version"]
    assert (answer["alias"], answer["registered_name"], answer["n_samples"]) == ("svm", "SVC", 1)


async def test_a_streamed_record_is_found_on_the_topic_in_redis_and_in_the_csv(system: Composed) -> None:
    async with accepted_ids(system, count=1) as ids:
        pass
    await everywhere_once(system, ids)


def test_the_edge_finds_a_prediction_by_its_id(system: Composed) -> None:
    queued = httpx.post(f"{system.url()}/predict_stream", params={"model": "knn"}, json=EMPLOYEE).json()
    where = f"{system.url()}/predictions/{queued['id']}"
    waiting.until(lambda: httpx.get(where).status_code, where, expected=httpx.codes.OK)
    assert httpx.get(where).json()["model"] == "knn"


def test_the_trainer_leaves_models_alone_that_are_there(system: Composed) -> None:
    system("run", "--rm", "-T", "trainer")
    url = f"{system.url('MLFLOW_PORT')}/api/2.0/mlflow/registered-models/search"
    versions = {
        model["name"]: model["latest_versions"][0]["version"] for model in httpx.get(url).json()["registered_models"]
    }
    assert versions == dict.fromkeys(MODELS, "1")


def test_the_worker_has_manifests_that_it_cannot_write(system: Composed) -> None:
    folder = "/var/lib/streamapp/manifests"
    assert sorted(system.inside("worker", "ls", folder).split()) == sorted(f"{name}-1.json" for name in MODELS)
    denied = system.inside("worker", "sh", "-c", f"touch {folder}/mine 2>&1 || true")
    assert "Read-only file system" in denied


async def test_topics_are_as_the_contracts_say(system: Composed) -> None:
    wanted = topics(_settings(system))
    admin = AIOKafkaAdminClient(bootstrap_servers=_settings(system).broker)
    await admin.start()
    try:
        described = await admin.describe_topics([topic.name for topic in wanted])
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
        answers = await admin.describe_configs(resources)
    finally:
        await admin.close()
    assert {one["topic"]: len(one["partitions"]) for one in described} == {one.name: one.partitions for one in wanted}
    entries = {name: dict(entry[:2] for entry in entries) for a in answers for *_, name, entries in a.resources}
    for topic in wanted:
        assert {key: entries[topic.name][key] for key in topic.config} == dict(topic.config), topic.name


def test_the_doctor_finds_no_error(system: Composed) -> None:
    found = json.loads(system.inside("worker", "streamapp", "doctor", "--edge", "http://api:8800", "--json"))
    assert found["errors"] == 0, found


async def test_prometheus_reaches_every_part_and_the_dashboard_shows_it(system: Composed) -> None:
    await asyncio.to_thread(system.up, "--no-deps", "prometheus")
    async with httpx.AsyncClient(base_url=system.url("PROMETHEUS_PORT"), timeout=10, trust_env=False) as prometheus:

        async def series(query: str) -> int:
            answer = (await prometheus.get("/api/v1/query", params={"query": query})).json()
            assert answer["status"] == "success", answer
            return len(answer["data"]["result"])

        async def empty() -> set[str]:
            return {title for title, query in dashboards.queries() if not await series(query)} - QUIET

        await waiting.eventually(lambda: series('up{job=~"edge|worker|sinks"} == 1'), "the parts", expected=3)
        await waiting.eventually(empty, "every panel has data", expected=set(), timeout=60)
        rules = (await prometheus.get("/api/v1/rules")).json()["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} == {"ok"}


async def test_two_workers_and_every_service_killed_in_turn_lose_nothing(system: Composed) -> None:
    await asyncio.to_thread(system.up, "--scale", "worker=2")
    served = json.loads(system.inside("api", "streamapp", "models", "--json"))
    assert len(served["workers"]) == 2
    async with accepted_ids(system) as ids:
        for service in LONG_RUNNING:
            await asyncio.to_thread(system.kill, service)
            seen = len(ids)
            await waiting.eventually(lambda seen=seen: len(ids) > seen + 5, f"traffic after {service}", timeout=60)
    assert len(ids) > 100
    await everywhere_once(system, ids)
    restarts = {name: inspect(system.containers(name)[0])["RestartCount"] for name in LONG_RUNNING}
    assert all(restarts.values()), restarts
    assert all(state(container)["Health"]["Status"] == "healthy" for container in system.containers("worker"))


def test_with_api_keys_the_edge_asks_who_calls(system: Composed) -> None:
    """The last one: from here on, all of them would need a key."""
    system.environment["STREAMAPP_API_KEYS_FILE"] = "/var/lib/streamapp/keys.jsonl"
    added = ("streamapp", "keys", "add", "producer", "--scope", "predict")
    key = system("run", "--rm", "-T", "--no-deps", "api", *added).strip()
    system.environment["STREAMAPP_API_KEY"] = key
    system.up("--no-deps", "api", "producer")

    def status(headers: dict[str, str]) -> int:
        url = f"{system.url()}/predict_stream"
        return httpx.post(url, params={"model": "svm"}, json=EMPLOYEE, headers=headers).status_code

    assert (status({}), status({"Authorization": f"Bearer {key}"})) == (401, 202)
    sent = partial(system.inside, "producer", "cat", "/tmp/summary.json")  # noqa: S108  # the container's own
    waiting.until(lambda: json.loads(sent())["sent"] > 0, "the producer's key is taken")


@contextlib.asynccontextmanager
async def accepted_ids(system: Composed, count: int | None = None) -> AsyncIterator[list[str]]:
    """Send records, ten a second, until `count` or for as long as the block runs; give the ids that were accepted."""
    ids: list[str] = []
    stop = asyncio.Event()
    sending = asyncio.create_task(_send(system, ids, count, stop))
    try:
        yield ids
    finally:
        if count is None:
            stop.set()
        await sending


async def _send(system: Composed, ids: list[str], count: int | None, stop: asyncio.Event) -> None:
    async with httpx.AsyncClient(base_url=system.url(), timeout=5, trust_env=False) as client:
        while not stop.is_set() and len(ids) != count:
            with contextlib.suppress(httpx.TransportError):  # the edge is killed, too
                answer = await client.post("/predict_stream", params={"model": "svm"}, json=EMPLOYEE)
                if answer.status_code == httpx.codes.ACCEPTED:
                    ids.append(answer.json()["id"])
            await asyncio.sleep(0.1)


async def everywhere_once(system: Composed, ids: list[str]) -> None:
    """Expect each id once in the predictions, once in their mirror and once in the audit, and nothing there twice."""
    await _once(partial(_on_topic, system), ids, "the topic")
    await _once(partial(_in_redis, system), ids, "Redis")
    await _once(partial(_in_csv, system), ids, "the CSV")


async def _once(there: Callable[[], Awaitable[Counter[str]]], ids: list[str], where: str) -> None:
    async def missing() -> set[str]:
        return set(ids) - set(await there())

    await waiting.eventually(missing, f"every record in {where}", expected=set(), timeout=90)
    assert [one for one, times in (await there()).items() if times > 1] == [], f"twice in {where}"


async def _on_topic(system: Composed) -> Counter[str]:
    settings = _settings(system)
    batches = [batch async for batch in scan(settings, settings.predictions_topic)]
    return Counter(json.loads(record.value)["id"] for batch in batches for record in batch)


async def _in_redis(system: Composed) -> Counter[str]:
    with Redis(port=int(system.environment["REDIS_PORT"]), decode_responses=True) as redis:
        return Counter(fields["id"] for _, fields in redis.xrange(_settings(system).redis_predictions_stream))


async def _in_csv(system: Composed) -> Counter[str]:
    text = system.inside("sinks", "cat", "/var/lib/streamapp/predicciones.csv")
    return Counter(row["id"] for row in csv.DictReader(io.StringIO(text)))


def _settings(system: Composed) -> Settings:
    return load_settings(broker=f"127.0.0.1:{system.environment['BROKER_PORT']}")
