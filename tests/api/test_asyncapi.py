"""The AsyncAPI document is one, names every topic, and describes what real parts put on them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from edge_support import HANDBOOK, card, put_cards, ready, running
from waiting import eventually
from working import working

from api.documents.asyncapi import messages
from api.documents.asyncapi.document import document
from streamapp.clients import kafka, scanning
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.dlq.letters import Wanted
from streamapp.dlq.redrive import Redrive
from streamapp.scoring.model import FunctionModel, Table

#: https://github.com/asyncapi/spec-json-schemas, schemas/3.0.0.json, Apache-2.0; without descriptions, examples.
SPECIFICATION = Path(__file__).parent / "asyncapi-3.0.0.json"
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "vendor=1"}
#: What is on the input topic and no request.
STRANGERS = (b"{}", None)
NEGATIVE = {"data": [{"Designation": -1}]}


def predict(table: Table) -> list[Any]:
    rows = np.asarray(table)
    if (rows < 0).any():
        raise ValueError("a negative number")
    return [int(row) for row in np.nansum(rows, axis=1)]


async def on(settings: Settings, topic: str) -> list[Any]:
    return [record async for records in scanning.scan(settings, topic) for record in records]


def faults(described: dict[str, Any], place: str, value: Any) -> list[str]:
    """Return why a value does not fit the schema at a place among the messages of the document."""
    validator = jsonschema.Draft7Validator({**described, "$ref": f"#/components/messages/{place}"})
    return [f"{place}: {error.message}" for error in validator.iter_errors(value)]


def misfits(described: dict[str, Any], name: str, record: Any) -> list[str]:
    """Return why a record is not one of a kind."""
    kind = described["components"]["messages"][name]
    value = record.value if record.value is None else record.value.decode()
    if kind["contentType"] == "application/json" and value is not None:
        value = json.loads(value)
    headers = {key: text.decode() for key, text in record.headers}
    key = record.key.decode() if record.key is not None else None
    return [
        *faults(described, f"{name}/payload", value),
        *(faults(described, f"{name}/headers", headers) if "headers" in kind else headers),
        *(faults(described, f"{name}/bindings/kafka/key", key) if "bindings" in kind else filter(None, [key])),
    ]


async def ask(edge: httpx.AsyncClient, settings: Settings) -> None:
    """Cause a record of every kind."""
    assert (await edge.post("/predict", json=HANDBOOK, headers=TRACE)).status_code == 200
    assert (await edge.post("/predict", json=NEGATIVE, headers=TRACE)).json()["code"] == "model_failed"
    assert (await edge.post("/predict_stream", json=HANDBOOK)).status_code == 202
    async with kafka.producer(settings, "test") as producer:
        for value in (*STRANGERS, codec.encode_request(json.dumps(HANDBOOK["data"]).encode(), None, "svm")):
            await producer.send_and_wait(settings.input_topic, value, key=b"theirs")


async def test_what_is_on_the_topics_is_what_the_document_says(settings: Settings) -> None:
    await put_cards(settings, card("svm"))
    async with running(settings) as edge:
        await eventually(lambda: ready(edge), "the edge to be ready")
        async with working(settings, FunctionModel(card("svm"), predict)):
            await eventually(lambda: _replies(edge), "the replies to be read")
            await ask(edge, settings)
            await eventually(lambda: _count(settings, settings.dead_letters_topic), expected=3)
            await Redrive(settings, Wanted()).run()
            await eventually(lambda: _count(settings, settings.dead_letters_topic), expected=6)
        described = (await edge.get("/asyncapi.json")).json()
    seen: Counter[str] = Counter()
    for channel in described["channels"].values():
        for record in await on(settings, channel["address"]):
            why = {name: misfits(described, name, record) for name in channel["messages"]}
            fitting = [name for name, reasons in why.items() if not reasons]
            stranger = record.value in STRANGERS and channel["address"] == settings.input_topic
            assert len(fitting) == (0 if stranger else 1), why
            seen.update(fitting)
    assert seen.keys() == described["components"]["messages"].keys(), "a record of every kind was seen"
    assert {"request": 5, "prediction": 3, "deadLetter": 6, "marker": 3}.items() <= seen.items()


async def _replies(edge: httpx.AsyncClient) -> bool:
    checks = (await edge.get("/readyz")).json()["checks"]
    return bool(checks["replies"]["ok"])


async def _count(settings: Settings, topic: str) -> int:
    return len(await on(settings, topic))


@pytest.fixture
def described(settings: Settings) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(codec.encode(document(settings)))
    return made


def test_the_document_is_an_asyncapi_document(described: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(json.loads(SPECIFICATION.read_bytes()))
    assert [error.message for error in validator.iter_errors(described)] == []
    assert not validator.is_valid({**described, "channels": {"x": {"messages": 1}}}), "the schema is in force"


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in _references(described):
        place: Any = described
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (part["$ref"],) if "$ref" in part else ()
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _references(one)


def test_every_topic_is_described(described: dict[str, Any], settings: Settings) -> None:
    assert {channel["address"] for channel in described["channels"].values()} == {
        topic.name for topic in topics(settings)
    }


def test_a_record_that_is_none_of_ours_does_not_fit(described: dict[str, Any]) -> None:
    assert faults(described, "prediction/payload", {"id": "x"})
    assert faults(described, "prediction/headers", {"ce_id": "x"})
    headers = {header.name: "1" for header in messages.headers.PREDICTION}
    assert faults(described, "prediction/headers", {**headers, "stray": "1"})


async def test_the_page_shows_every_topic_record_and_field(settings: Settings, described: dict[str, Any]) -> None:
    async with running(settings) as edge:
        response = await edge.get("/asyncapi")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for topic in topics(settings):
        assert f"<code>{topic.name}</code>" in response.text
    for name, schema in described["components"]["schemas"].items():
        assert f'id="value-{name}"' in response.text
        assert all(f"<code>{field}</code>" in response.text for field in schema["properties"])
    for message in described["components"]["messages"].values():
        assert message["title"] in response.text
        assert all(
            f"<code>{name}</code>" in response.text for name in message.get("headers", {}).get("properties", ())
        )
