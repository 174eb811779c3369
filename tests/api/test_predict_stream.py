"""POST /predict_stream: what is accepted, and what then stands on the input topic."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from edge_support import HANDBOOK, card, documented, put_cards, ready, records, running
from waiting import eventually

from api.admission.room import Room
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings


@pytest.mark.parametrize("model", ["svm", "knn", "lightgbm"])
async def test_the_handbooks_call_works_as_it_stands(edge: httpx.AsyncClient, settings: Settings, model: str) -> None:
    text = '{"data": [{"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}]}'
    response = await edge.post(
        f"/predict_stream?model={model}", content=text, headers={"Content-Type": "application/json"}
    )
    answer = response.json()
    assert response.status_code == 202
    assert {"status": "queued", "stream": settings.input_topic, "model": model}.items() <= answer.items()
    assert response.headers["Location"] == f"/predictions/{answer['id']}"
    [record] = await records(settings, 1)
    assert (record.partition, record.offset) == (answer["partition"], answer["offset"])
    assert json.loads(record.value) == {"payload": {**json.loads(text), "columns": None}, "model": model}
    assert dict(record.headers) == {
        "ce_id": answer["id"].encode(),
        "ce_source": b"/streamapp/edge",
        "ce_type": codec.REQUEST_TYPE,
        "ce_specversion": codec.SPEC_VERSION,
        "content-type": b"application/json",
    }
    assert record.key is None


async def test_without_a_model_the_default_one_is_used(edge: httpx.AsyncClient, settings: Settings) -> None:
    answer = (await edge.post("/predict_stream", json=HANDBOOK)).json()
    assert answer["model"] == settings.default_model


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"work life balance-score": 3}]},
        {"data": [{"DESIGNATION": 1, "Mental Fatigue Score": None}], "columns": None},
        {"data": [[1.5, 3], [2, None]], "columns": ["Designation", "Work-Life Balance Score"]},
        {"data": [{"Designation": 1, "whatever": "x"}], "columns": ["Designation"]},
    ],
    ids=["other spellings", "nulls", "arrays", "chosen columns"],
)
async def test_rows_go_on_as_they_were_sent(
    edge: httpx.AsyncClient, settings: Settings, body: dict[str, Any]
) -> None:
    assert (await edge.post("/predict_stream", json=body)).status_code == 202
    [record] = await records(settings, 1)
    assert json.loads(record.value)["payload"] == {"columns": None, **body}


async def test_every_example_of_the_documentation_is_accepted(edge: httpx.AsyncClient) -> None:
    bodies = await documented(edge, "/predict_stream")
    aliases = (await edge.get("/openapi.json")).json()["components"]["schemas"]["Alias"]["enum"]
    assert len(bodies) >= 2
    assert set(aliases) == {"svm", "knn", "lightgbm"}
    for model in aliases:
        for body in bodies:
            answer = await edge.post("/predict_stream", params={"model": model}, json=body)
            assert answer.status_code == 202, body


async def test_concurrent_requests_have_ids_of_their_own_and_all_arrive(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    answers = await asyncio.gather(*(edge.post("/predict_stream", json=HANDBOOK) for _ in range(200)))
    accepted = {answer.json()["id"]: answer.json() for answer in answers}
    assert len(accepted) == 200
    for record in await records(settings, 200):
        answer = accepted.pop(dict(record.headers)["ce_id"].decode())
        assert (record.partition, record.offset) == (answer["partition"], answer["offset"])


async def test_ids_are_uuids_that_sort_by_time(edge: httpx.AsyncClient) -> None:
    ids = []
    for _ in range(3):
        ids.append((await edge.post("/predict_stream", json=HANDBOOK)).json()["id"])
        await asyncio.sleep(0.002)  # into the next millisecond
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", i) for i in ids)


async def test_a_traceparent_travels_with_the_record_where_it_is_valid(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for sent in (
        valid,
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "anything",
    ):
        answer = await edge.post("/predict_stream", json=HANDBOOK, headers={"traceparent": sent})
        assert answer.status_code == 202
    found = [dict(record.headers).get("traceparent") for record in await records(settings, 5)]
    assert {header: found.count(header) for header in found} == {valid.encode(): 1, None: 4}


async def test_a_request_gives_back_the_memory_that_it_took(edge: httpx.AsyncClient, settings: Settings) -> None:
    most = 100_000
    await put_cards(settings, card("svm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.app.Room", lambda *_: Room(most))
        async with running(settings) as client:
            await eventually(lambda: ready(client), "the edge to be ready")
            for _ in range(20):
                assert (await client.post("/predict_stream", json=HANDBOOK)).status_code == 202
                assert (await client.post("/predict_stream", json={"data": [{"x": 1}]})).status_code == 422
            stalled = [await half_sent(client, most // 2 - 100) for _ in range(2)]

            async def code() -> str:
                return str((await client.post("/predict_stream", json=HANDBOOK)).json().get("code"))

            await eventually(code, expected="overloaded")
            for writer in stalled:
                writer.close()
            await eventually(code, expected="None")


async def half_sent(client: httpx.AsyncClient, size: int) -> asyncio.StreamWriter:
    """Send the first bytes of a body that has twice as many."""
    _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: %d\r\n\r\n" % (2 * size) + b" " * size)
    await writer.drain()
    return writer


async def test_many_rows_are_one_record(edge: httpx.AsyncClient, settings: Settings) -> None:
    body = {"data": [dict.fromkeys((f.name for f in card("svm").features), 1.25)] * 2000}
    assert (await edge.post("/predict_stream", json=body)).status_code == 202
    [record] = await records(settings, 1)
    assert len(json.loads(record.value)["payload"]["data"]) == 2000
