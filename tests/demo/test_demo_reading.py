"""What the demo reads of the broker, of Redis, of the CSV and of MLflow."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec import Raw
from waiting import eventually

from streamapp.clients.kafka import ensure_topics, producer
from streamapp.clients.redis import connect
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.codec import INPUT_TIMESTAMP, encode
from streamapp.contracts.errors import RedisUnavailable, RegistryUnavailable
from streamapp.contracts.messages import Prediction
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.status import DIGEST_TAG
from streamapp.contracts.topics import topics
from streamapp.embedded.demo import stores
from streamapp.embedded.demo.registry import missing, unvouched
from streamapp.embedded.demo.tail import Tail
from streamapp.runtimes.manifests import Manifests

CARD = ModelCard("svm", "SVC", "1", "run", "sklearn", (Feature("a"),), class_names={"2": "High"})
PREDICTION = Prediction("id-1", "svm", "SVC", "1", "run", [2], "2024-01-01T00:00:00.000Z", Raw(b'[{"a":1}]'))


async def test_the_tail_counts_every_topic_from_its_beginning(settings: Settings) -> None:
    await ensure_topics(settings, topics(settings), "test")
    accepted = str(round(time.time() * 1000) - 100).encode()
    async with producer(settings, "test") as sender:
        await sender.send_and_wait(settings.models_topic, encode(CARD), key=b"svm")
        for partition in range(settings.partitions):
            await sender.send_and_wait(settings.input_topic, b"a", partition=partition)
            await sender.send_and_wait(settings.input_topic, None, key=b"k", partition=partition)
        await sender.send_and_wait(settings.topic_of("marketplace"), b"a")
        for topic in (settings.status_topic, settings.switches_topic, settings.redriven_topic):
            await sender.send_and_wait(topic, b"of no concern", key=b"k", partition=0)
        await sender.send_and_wait(
            settings.predictions_topic, encode(PREDICTION), headers=[(INPUT_TIMESTAMP, accepted)]
        )
        await sender.send_and_wait(settings.dead_letters_topic, None, key=b"k", headers=[("dl_code", b"null_record")])

    tail = Tail(settings)
    following = asyncio.create_task(tail.follow())
    counts = tail.counts
    await eventually(lambda: (counts.sent, counts.predictions, counts.dead_letters.total()), expected=(9, 1, 1))
    following.cancel()
    assert tail.counts.dead_letters == {"null_record": 1}
    assert tail.counts.last[0].labels == ("High",)
    assert 100 <= tail.counts.last[0].latency_ms < 10_000


async def test_records_that_are_not_ours_are_counted_without_a_latency(settings: Settings) -> None:
    await ensure_topics(settings, topics(settings), "test")
    predictions: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (encode(PREDICTION), []),
        (encode(PREDICTION), [(INPUT_TIMESTAMP, b"yesterday")]),
        (b"{}", []),
        (None, []),
    ]
    async with producer(settings, "test") as sender:
        for card in (b"no card", None, encode(CARD)):
            await sender.send_and_wait(settings.models_topic, card, key=b"svm")
        for value, headers in predictions:
            await sender.send_and_wait(settings.predictions_topic, value, key=b"k", headers=headers)
        for headers in ([], [("dl_code", b"null_record"), ("dl_partition", b"first")]):
            await sender.send_and_wait(settings.dead_letters_topic, b"x", headers=headers)

    tail = Tail(settings)
    following = asyncio.create_task(tail.follow())
    await eventually(lambda: (tail.counts.predictions, tail.counts.dead_letters.total()), "all", expected=(4, 2))
    await eventually(lambda: tail.counts.last[0].labels, "the card", expected=("High",))
    following.cancel()
    assert tail.counts.dead_letters == {"unknown": 1, "null_record": 1}
    assert tail.counts.last[0].latency_ms is None
    assert tail.counts.latencies.percentile(1.0) is None


async def test_the_mirror_is_counted_by_its_length(settings: Settings) -> None:
    assert await stores.mirrored(settings) == 0
    async with connect(settings) as redis:
        for _ in range(3):
            await redis.xadd(settings.redis_predictions_stream, {"data": "{}"})
    assert await stores.mirrored(settings) == 3


async def test_a_redis_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(RedisUnavailable, match="how much it mirrors"):
        await stores.mirrored(load_settings(redis_url="redis://127.0.0.1:1/0"))


def test_a_line_break_inside_a_field_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    assert stores.csv_rows(path) == 0
    path.write_text("")
    assert stores.csv_rows(path) == 0
    path.write_text('timestamp,modelo\n1,"a\nb"\n2,' + "c" * 200_000 + "\n")
    assert stores.csv_rows(path) == 2


@pytest.fixture
async def mlflow_api(registry_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{registry_uri}/api/2.0/mlflow", timeout=60.0) as client:
        yield client


async def put(client: httpx.AsyncClient, name: str, *tags: str) -> None:
    """Register a model's version with tags."""
    version = {"name": name, "source": "s3://bucket/model", "tags": [{"key": tag, "value": "x"} for tag in tags]}
    (await client.post("/registered-models/create", json={"name": name})).raise_for_status()
    (await client.post("/model-versions/create", json=version)).raise_for_status()


async def promote(client: httpx.AsyncClient, name: str) -> None:
    body = {"name": name, "alias": "champion", "version": "1"}
    (await client.post("/registered-models/alias", json=body)).raise_for_status()


async def test_a_name_without_a_version_is_missing(registry_uri: str, mlflow_api: httpx.AsyncClient) -> None:
    names = [f"demo-{what}-{uuid.uuid4().hex[:8]}" for what in ("of-others", "without-version", "unknown")]
    await put(mlflow_api, names[0])
    (await mlflow_api.post("/registered-models/create", json={"name": names[1]})).raise_for_status()
    assert await missing(load_settings(mlflow_tracking_uri=registry_uri), names) == names[1:]


async def test_what_a_training_began_and_did_not_end_is_missing(
    registry_uri: str, mlflow_api: httpx.AsyncClient
) -> None:
    settings, name = load_settings(mlflow_tracking_uri=registry_uri), f"demo-failed-{uuid.uuid4().hex[:8]}"
    await put(mlflow_api, name, DIGEST_TAG)
    assert await missing(settings, [name]) == [name]
    await promote(mlflow_api, name)
    assert await missing(settings, [name]) == []


async def test_what_is_to_be_served_and_nobody_has_vouched_for_is_named(
    registry_uri: str, mlflow_api: httpx.AsyncClient, tmp_path: Path
) -> None:
    mine, other, unknown = (f"demo-{what}-{uuid.uuid4().hex[:8]}" for what in ("mine", "other", "unknown"))
    await put(mlflow_api, mine, DIGEST_TAG)
    await promote(mlflow_api, mine)
    await put(mlflow_api, other)
    settings = load_settings(
        mlflow_tracking_uri=registry_uri,
        models={"mine": mine, "other": other, "unknown": unknown},
        default_model="mine",
        model_manifests=tmp_path,
    )
    assert await unvouched(settings) == [(mine, "1"), (other, "1")]
    Manifests(tmp_path).vouch(mine, "1", {})
    assert await unvouched(settings) == [(other, "1")]
    for trusted in ("warn", "off"):
        assert await unvouched(settings.model_copy(update={"trusted_models": trusted})) == []
    Manifests(tmp_path).vouch(mine, "1", {}).write_bytes(b"")
    assert await unvouched(settings) == [(mine, "1"), (other, "1")]


async def test_a_registry_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(RegistryUnavailable, match="whether SVC is registered"):
        await missing(load_settings(mlflow_tracking_uri="http://127.0.0.1:1"), ["SVC"])
