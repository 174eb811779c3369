"""The whole system under SASL_SSL and Redis with TLS and ACL: a process, a user and least rights for each part."""

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from secured_kafka import ADMIN, SecuredKafka
from secured_redis import SecuredRedis
from secured_support import Secured, mark, marks
from waiting import eventually
from worker_support import Stack

from streamapp.clients.redis import connect_blocking
from streamapp.contracts.settings import variable
from streamapp.embedded.processes import Child, Processes, answering, free_port

ROWS = {"data": [{"Sleep_Hours": 7, "Team_Size": 15}]}


@pytest.fixture
async def secured(
    secured_kafka: SecuredKafka, secured_redis: SecuredRedis, processes: Processes, tmp_path: Path, registry_uri: str
) -> AsyncIterator[Secured]:
    parts = Secured(secured_kafka, secured_redis, processes, tmp_path, registry=registry_uri)
    yield parts
    await parts.stop()


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("registered")
async def test_a_request_goes_all_the_way_with_least_rights_and_nobody_shows_a_password(secured: Secured) -> None:
    edge = secured.settings("edge", "edge", sasl_mechanism="SCRAM-SHA-256")
    sinks = secured.settings("sinks", "sinks", sasl_mechanism="PLAIN")
    secured.start("worker", secured.settings("worker"), "faust", "-A", "streamapp.app", "worker")
    url = f"http://127.0.0.1:{secured.port}"
    serving = secured.start("edge", edge, "streamapp", "api", ready=answering(f"{url}/readyz"))
    following = secured.start("sinks", sinks, "streamapp", "sinks")
    await serving.wait_ready()

    key = {"Authorization": f"Bearer {mark('key')}", "X-API-Key": mark("key")}
    async with httpx.AsyncClient(base_url=url, headers=key, trust_env=False, timeout=30) as client:
        record_id = await queued_and_found(client)
        answer = await client.post("/predict", json=ROWS)
        assert (answer.status_code, answer.json()["predictions"]) == (200, [1])
        kept = await client.post("/predict_stream", json=ROWS, headers={"Idempotency-Key": '"a-key-of-this-test"'})
        assert kept.status_code == 202
    stack = Stack(secured.settings(ADMIN), secured.processes)
    await has_come(stack, stack.settings.predictions_topic, "ce_id", record_id)
    await eventually(lambda: record_id in secured.settings(ADMIN).csv_path.read_text(), "the row in the CSV")
    with connect_blocking(secured.settings(ADMIN, ADMIN)) as redis:
        assert redis.xlen("mlops_stream") >= 3
    await stack.put(b"no JSON")
    await has_come(stack, stack.settings.dead_letters_topic, "dl_code", "malformed_json")
    redriven = secured.run(secured.settings("operator"), "dlq", "redrive", "--code", "malformed_json", "--json")
    assert (redriven.returncode, redriven.stderr) == (0, "")
    assert json.loads(redriven.stdout)["redriven"] == 1

    assert "SaslHandShake" in following.log.read_text(), "the log has every request to the broker"
    assert marks(secured.written()) == set()


async def has_come(stack: Stack, topic: str, name: str, value: str) -> None:
    """Wait for a record with a header; other tests have put records on the same topics."""
    header = (name, value.encode())
    await stack.read(topic, lambda found: any(header in record.headers for record in found))


async def queued_and_found(client: httpx.AsyncClient) -> str:
    """Queue rows, and find their prediction in Redis; returns its id."""
    queued = await client.post("/predict_stream", json=ROWS)
    assert queued.status_code == 202, queued.text

    async def found() -> int:
        return (await client.get(queued.headers["location"])).status_code

    await eventually(found, "the prediction in Redis", expected=200, timeout=60)
    assert (await client.get(queued.headers["location"])).json()["predictions"] == [1]
    return str(queued.json()["id"])


@pytest.mark.bad_input(29)
@pytest.mark.timeout(240)
async def test_parts_that_fail_and_crash_show_no_secret(secured: Secured) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    broken = {
        "sasl_password": mark("sasl"),
        "sasl_mechanism": "PLAIN",
        "redis_url": f"redis://user:{mark('url')}@{nowhere}/0?password={mark('query')}",
        "mlflow_tracking_uri": f"http://user:{mark('mlflow-url')}@{nowhere}",
    }
    mlflow = {"MLFLOW_TRACKING_USERNAME": "user", "MLFLOW_TRACKING_PASSWORD": mark("mlflow")}
    # The worker gets further: to the registry.
    its_own = {name: broken[name] for name in ("sasl_mechanism", "redis_url", "mlflow_tracking_uri")}
    parts = {
        "worker": (secured.settings("worker", **its_own), ("worker", "--processes", "2")),
        "edge": (secured.settings("edge", **broken), ("api",)),
        "sinks": (secured.settings("sinks", **broken), ("sinks",)),
        "producer": (secured.settings("producer", **broken), ("produce", "--to", "topic", "--rate", "20")),
    }
    running = {
        name: secured.start(name, settings, "streamapp", *argv, **mlflow) for name, (settings, argv) in parts.items()
    }
    for name, child in running.items():
        told = "The registry at" if name == "worker" else "uthentication failed"
        await eventually(lambda child=child, told=told: told in child.log.read_text(), name, timeout=90)
    assert marks(secured.written()) == set()
    for child in running.values():
        await crashed(child)
    assert marks(secured.written()) == set()


async def crashed(child: Child) -> None:
    """Have a process dump its stacks and die."""
    child.process.send_signal(signal.SIGABRT)
    assert await child.wait(20) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in child.log.read_text()


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("arguments", [("config",), ("api",), ("sinks",), ("worker",), ("produce",), ("dlq", "list")])
def test_a_command_names_a_setting_that_is_wrong_without_its_value(
    secured: Secured, arguments: tuple[str, ...]
) -> None:
    wrong = {
        variable("sasl_username"): "",
        variable("redis_url"): f"http://{mark('url')}",
        variable("broker"): f"user:{mark('broker')}@nowhere:1",
    }
    refused = secured.run(secured.settings("edge", "edge"), *arguments, **wrong)
    assert refused.returncode == 1
    assert all(name in refused.stderr for name in ("STREAMAPP_REDIS_URL", "STREAMAPP_BROKER"))
    assert marks(refused.stdout + refused.stderr) == set()


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("arguments", [("config",), ("config", "--json")])
def test_the_dump_of_settings_shows_that_there_are_secrets_and_none_of_them(
    secured: Secured, arguments: tuple[str, ...]
) -> None:
    url = {"mlflow_tracking_uri": f"http://user:{mark('mlflow')}@127.0.0.1:9"}
    shown = secured.run(secured.settings("edge", "edge", **url), *arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.count("****") == 3
    assert marks(shown.stdout) == set()


@pytest.mark.bad_input(29)
def test_a_command_that_is_not_let_in_says_so_without_the_password(secured: Secured) -> None:
    stranger = secured.settings("operator", sasl_password=mark("sasl"), sasl_mechanism="PLAIN")
    refused = secured.run(stranger, "watch")
    assert refused.returncode == 1
    assert "STREAMAPP_BROKER" in refused.stderr
    assert marks(refused.stdout + refused.stderr) == set()
