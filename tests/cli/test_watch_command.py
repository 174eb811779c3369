"""`streamapp watch`: predictions as they come, a line each."""

import asyncio
import json
import signal
import sys
from typing import Any

import pytest
from cli_support import put, run
from msgspec import Raw
from unique import environment

from streamapp.clients import kafka, tailing
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.messages import Prediction
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Switch
from streamapp.contracts.topics import topics

TIME = "2026-11-22T01:12:27.123Z"


def prediction(record_id: str, model: str = "svm", **fields: Any) -> bytes:
    values = {"registered_name": "SVC", "version": "3", "run_id": "run", "predictions": [1], "timestamp": TIME}
    return codec.encode(Prediction(record_id, model, data=Raw(b"[{}]"), **{**values, **fields}))


async def predict(settings: Settings, *values: bytes | None) -> None:
    await put(settings, settings.predictions_topic, *(("key", value) for value in values))


async def test_a_prediction_is_a_line_with_all_that_matters(settings: Settings) -> None:
    imputed = [["Team_Size", "Sleep_Hours"], ["Team_Size"]]
    await predict(settings, b"strange", None, prediction("a", predictions=["low", 2.5], imputed=imputed))
    result = await run(settings, "watch", "--from-beginning", "--limit", "1")
    assert result.stdout == '01:12:27.123  a  svm 3  ["low",2.5]  imputed: Sleep_Hours, Team_Size\n'


async def test_lines_do_nothing_to_a_terminal_but_be_seen(settings: Settings) -> None:
    await predict(settings, prediction("a", predictions=["\x9b31m"]))
    result = await run(settings, "watch", "--from-beginning", "--limit", "1")
    assert result.stdout.rstrip("\n").isprintable()


async def test_models_and_ids_that_are_asked_for_are_shown_alone(settings: Settings) -> None:
    await predict(settings, *(prediction(f"{model}-{n}", model) for n in range(3) for model in ("svm", "knn")))
    watch = ("watch", "--from-beginning", "--json", "--limit")
    found = (await run(settings, *watch, "2", "--model", "knn")).stdout.splitlines()
    assert [json.loads(line)["id"] for line in found] == ["knn-0", "knn-1"]
    found = (await run(settings, *watch, "2", "--id", "svm-2", "--id", "knn-1")).stdout.splitlines()
    assert [json.loads(line)["id"] for line in found] == ["knn-1", "svm-2"]
    assert found[0].encode() == prediction("knn-1", "knn")


async def test_a_switch_is_a_line_between_them(settings: Settings) -> None:
    switch = Switch("svm", "SVC", "4", "run", "mlops_stream", 2, 17, TIME)
    await put(settings, settings.switches_topic, ("svm", codec.encode(switch)), ("x", b"strange"))
    watching = asyncio.create_task(run(settings, "watch", "--from-beginning", "--limit", "1", "--model", "svm"))
    await asyncio.wait([watching], timeout=1.0)
    await predict(settings, prediction("a"))
    first, last = (await watching).stdout.splitlines()
    assert first == "01:12:27.123  -- svm is SVC 4 from mlops_stream-2 offset 17 on"
    assert last.startswith("01:12:27.123  a  ")


@pytest.fixture(params=["settings", "kafka_settings"])
def either(request: pytest.FixtureRequest) -> Settings:
    """On the embedded broker, and on one with transactions."""
    settings: Settings = request.getfixturevalue(request.param)
    return settings


async def test_it_begins_with_what_comes_from_now_on(either: Settings) -> None:
    settings = either
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test") as producer:
        batch = producer.create_batch()
        for number in range(5):
            batch.append(key=None, value=prediction(f"old-{number}"), timestamp=None)
        await (await producer.send_batch(batch, settings.predictions_topic, partition=0))
        batches = tailing.tail(settings, [settings.predictions_topic])
        coming = asyncio.create_task(anext(batches))
        number = 0
        while not coming.done():
            await producer.send_and_wait(settings.predictions_topic, prediction(f"new-{number}"), partition=0)
            await asyncio.wait([coming], timeout=0.2)
            number += 1
        topic, records = await coming
        await batches.aclose()
    assert topic == settings.predictions_topic
    assert all(codec.decode_prediction(record.value).id.startswith("new-") for record in records)


async def test_ctrl_c_ends_it_cleanly(settings: Settings) -> None:
    await predict(settings, prediction("a"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streamapp", "watch", "--from-beginning"),
        env={"PATH": "", **environment(settings)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"01:12:27.123  a  ")
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_broker_without_predictions_is_told(settings: Settings) -> None:
    result = await run(settings, "watch")
    assert isinstance(result.exception, BrokerUnavailable)
    assert f"has no topic {settings.predictions_topic}" in str(result.exception)
