"""Whose a request is goes with it: to its prediction, into Redis, through a dead letter and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka import ConsumerRecord
from edge_support import HANDBOOK, card, put_cards, ready, records, running
from keys_support import bearer, with_keys
from waiting import eventually
from worker_records import as_worker_reads

from streamapp.clients import kafka
from streamapp.clients.redis import connect
from streamapp.contracts import codec
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import DeadLetter, Prediction
from streamapp.contracts.settings import Settings, load_settings
from streamapp.delivery import wire
from streamapp.delivery.records import fitting, outputs
from streamapp.dlq.letters import Letter
from streamapp.dlq.plan import Back, back
from streamapp.scoring.records import Outcome, Scored
from streamapp.sinks import worker


@asynccontextmanager
async def sinks(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def deliver(settings: Settings, record: ConsumerRecord) -> None:
    """Write the prediction of a record as the scoring worker does."""
    name = codec.record_id(record.headers, record.topic, record.partition, record.offset)
    rows = msgspec.Raw(b"[]")
    made = codec.encode(Prediction(name, "svm", "SVC", "1", "run", [1], codec.utc_now(), rows))
    async with kafka.producer(settings, "test") as producer:
        for target, found in outputs(Outcome([Scored(as_worker_reads(record), name, made)], []), settings):
            for batch, _ in wire.batches(producer, found, 1_000_000):
                await (await producer.send_batch(batch, target.topic, partition=target.partition))


@pytest.mark.bad_input(21)
async def test_nobody_but_its_owner_finds_a_prediction_also_after_a_restart(
    settings: Settings, tmp_path: Path
) -> None:
    settings, file = with_keys(settings, tmp_path)
    ours, theirs = bearer(file.add("ours")), bearer(file.add("theirs"))
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        location = (await client.post("/predict_stream", json=HANDBOOK, headers=ours)).headers["location"]
    [record] = await records(settings, 1)
    await deliver(settings, record)
    async with sinks(settings), running(settings) as client:

        async def found(token: dict[str, str]) -> int:
            return (await client.get(location, headers=token)).status_code

        await eventually(lambda: found(ours), "the prediction", expected=200)
        assert await found(theirs) == 404
    async with connect(settings) as redis:
        ((_, fields),) = await redis.xrange(settings.redis_predictions_stream)
    assert fields[b"owner"] == b"ours"


def test_a_dead_letter_keeps_its_owner_through_its_topic_and_back() -> None:
    settings = load_settings()
    headers = (("ce_id", b"id-1"), (codec.OWNER, b"ours"))
    dead = DeadLetter(
        None, b"x" * 9000, headers, Code.MODEL_FAILED, "E", "m", "svm", "1", settings.input_topic, 0, 7, 1, ""
    )
    small = fitting(dead, 8000)
    assert small.value is None
    for one in (dead, small):
        read = codec.decode_dead_letter(one.key, one.value, tuple(codec.dead_letter_headers(one)))
        again = back(Letter(read, settings.dead_letters_topic, 0, 0, 0, None), read, range(4), 1_000_000)
        assert isinstance(again, Back)
        assert codec.owner(again.record.headers) == "ours"


@pytest.mark.parametrize("value", [b"\xff", b"a\r\nb", b"x" * 5000, b"\x1b[31m", b"a:b"])
def test_an_owner_that_is_no_name_is_nobody_rather_than_everybody(value: bytes) -> None:
    assert codec.owner([(codec.OWNER, value)])


def test_a_record_without_an_owner_is_for_everybody() -> None:
    assert codec.owner([("ce_id", b"x")]) == codec.owner([(codec.OWNER, None)]) == ""  # type: ignore[list-item]
