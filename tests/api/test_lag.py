"""Workers that do not keep up: the edge takes no more until they have caught up, and says so."""

import contextlib

import httpx
import pytest
from aiokafka.structs import TopicPartition
from edge_support import HANDBOOK, card, post, put_cards, ready, running
from waiting import eventually

from api.admission import lag
from api.admission.lag import Lag
from api.errors import Lagging
from streamapp.clients import kafka
from streamapp.contracts.settings import Settings, load_settings


async def commit(settings: Settings, topic: str, left: int) -> None:
    """Commit as the workers would that have all but `left` records of each partition done."""
    async with kafka.consumer(settings, "test", group_id=settings.group) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while (await consumer.getmany(timeout_ms=300)).values():
            pass
        await consumer.commit({partition: consumer.highwater(partition) - left for partition in partitions})


async def fill(settings: Settings, topic: str, each: int) -> None:
    """Put one record batch on each partition."""
    async with kafka.producer(settings, "test") as producer:
        for number in range(settings.partitions):
            batch = producer.create_batch()
            for _ in range(each):
                batch.append(key=None, value=b"{}", timestamp=None)
            await (await producer.send_batch(batch, topic, partition=number))


@pytest.fixture(params=["settings", "kafka_settings"])
def each_broker(request: pytest.FixtureRequest) -> Settings:
    settings: Settings = request.getfixturevalue(request.param)
    return settings


async def test_a_lag_beyond_the_bound_is_503_until_it_has_fallen_well_below(each_broker: Settings) -> None:
    settings = each_broker.model_copy(update={"max_lag": 100})
    topic = settings.input_topic
    await put_cards(settings, card("svm"))

    async def shown(client: httpx.AsyncClient) -> dict[str, object]:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        return dict(answer.json()["checks"]["lag"])

    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await fill(settings, topic, 26)  # no worker has committed anything yet

        async def status() -> tuple[int, str]:
            return await post(client)

        await eventually(status, expected=(503, "lagging"))
        assert not (await shown(client))["ok"]
        await commit(settings, topic, left=22)
        await eventually(lambda: shows(client, "88 records"), "the lag that is left")
        assert await status() == (503, "lagging")
        await commit(settings, topic, left=0)
        await eventually(status, expected=(202, ""))


async def shows(client: httpx.AsyncClient, text: str) -> bool:
    return text in (await client.get("/readyz")).json()["checks"]["lag"]["detail"]


async def test_what_waits_for_a_slow_model_on_a_topic_of_its_own_keeps_out_its_own_requests_only(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"max_lag": 100})
    slow = settings.topic_of("marketplace")
    await put_cards(settings, card("svm"), card("marketplace"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        answer = (await client.post("/predict_stream?model=marketplace", json=HANDBOOK)).json()
        assert (answer["stream"], answer["model"]) == (slow, "marketplace")
        await fill(settings, slow, 26)
        await eventually(lambda: shows(client, f"105 records wait for the workers on {slow}"), "the lag")
        refused = await client.post("/predict_stream?model=marketplace", json=HANDBOOK)
        assert (refused.status_code, refused.json()["code"]) == (503, "lagging")
        assert slow in refused.json()["detail"]
        assert await post(client) == (202, "")


def test_a_lag_that_is_outdated_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    seen, topic = Lag(settings), settings.input_topic
    assert seen.records(topic) is None
    seen.require_room(topic)
    seen.update(topic, settings.max_lag + 1)
    with pytest.raises(Lagging, match=f"{settings.max_lag + 1} records .* on {topic}"):
        seen.require_room(topic)
    monkeypatch.setattr(lag, "_STALE", 0)
    assert seen.records(topic) is None
    seen.require_room(topic)


@pytest.mark.parametrize(("records", "refused"), [([90, 100], 0), ([100, 101], 1), ([101, 81], 1), ([101, 80], 0)])
def test_what_was_refused_is_let_in_again_at_four_fifths(records: list[int], refused: int) -> None:
    settings = load_settings(max_lag=100)
    seen, topic = Lag(settings), settings.input_topic
    for number in records:
        seen.update(topic, number)
    with contextlib.nullcontext() if not refused else pytest.raises(Lagging):
        seen.require_room(topic)
