"""What the edge refuses, and that every refusal is a problem that says what to do and repeats nothing."""

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from edge_support import HANDBOOK, card, put_cards, ready, running
from starlette.requests import Request
from waiting import eventually

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.rows import RowDecoder
from streamapp.contracts.settings import load_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = '{"Designation": 1}'
VALUE = "a-value-of-theirs"
LIMIT = 100_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge(broker: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """One edge for all tests here: what they send is refused, so that none can disturb another."""
    settings = load_settings(
        broker=broker,
        redis_url=redis_url,
        models={"svm": "SVC", "knn": "Knn_Classifier"},
        input_topic="requests-refusals",
        models_topic="models-refusals",
        max_body_bytes=LIMIT,
        max_rows=100,
    )
    shop = ModelCard(
        "shop", "Shop", "1", "run", "pyfunc", (Feature("city", "string", required=True), Feature("price"))
    )
    await put_cards(settings, card("svm"), shop)
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield client


async def refused(edge: httpx.AsyncClient, body: str | bytes, query: str = "", **headers: str) -> httpx.Response:
    """Send a body; check that the answer is a problem with all its fields."""
    headers = {"content-type": "application/json", **headers}
    return as_problem(await edge.post(f"/predict_stream{query}", content=body, headers=headers))


def as_problem(response: httpx.Response) -> httpx.Response:
    answer = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= answer.keys()
    assert answer["status"] == response.status_code
    assert answer["type"] == f"/problems/{answer['code']}"
    assert re.fullmatch("[0-9a-f]{32}", answer["trace_id"])
    assert VALUE not in response.text
    return response


def rows(value: str) -> str:
    return f'{{"data": [{{"Designation": {value}}}]}}'


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("", 400, "malformed_json"),
        ("{", 400, "malformed_json"),
        (f"{rows('1')} x", 400, "malformed_json"),
        (rows("[" * 40_000 + "]" * 40_000), 400, "malformed_json"),
        (rows("1" * 5000), 400, "malformed_json"),
        (b'{"data": [{"Designation": "\xff"}]}', 400, "malformed_json"),
        (b'{"\xff": 1}', 400, "malformed_json"),
        (rows("[" * 900 + "]" * 900), 422, "too_deep"),
        (rows("1" * 400), 422, "wrong_type"),
        (rows("NaN"), 422, "not_finite"),
        ('{"Designation": NaN}', 422, "not_finite"),
        ('{"Designation": 1', 400, "malformed_json"),
        (rows("-Infinity"), 422, "not_finite"),
        (rows("1e999"), 422, "not_finite"),
        (rows(r'"\ud800"'), 422, "wrong_type"),
        (rows("true"), 422, "wrong_type"),
        (rows(f'"{VALUE}"'), 422, "wrong_type"),
        ("null", 422, "malformed_request"),
        ("[]", 422, "malformed_request"),
        ("{}", 422, "malformed_request"),
        (f'{{"data": [{ROW}], "columns": "Designation"}}', 422, "malformed_request"),
        ('{"data": "Designation"}', 422, "wrong_type"),
        ('{"data": [1]}', 422, "wrong_type"),
        ('{"data": [[1]]}', 422, "wrong_type"),
        ('{"data": []}', 422, "empty_data"),
        ('{"data": [{}]}', 422, "empty_data"),
        ('{"data": [{"Designation": 1, "designation": 2}]}', 422, "duplicate_field"),
        ('{"data": [[1, 2]], "columns": ["Designation"]}', 422, "columns_mismatch"),
        ('{"data": [' + ",".join([ROW] * 101) + "]}", 413, "too_many_rows"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(
    edge: httpx.AsyncClient, body: str | bytes, status: int, code: str
) -> None:
    response = await refused(edge, body)
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_an_unknown_field_is_told_the_nearest_one(edge: httpx.AsyncClient) -> None:
    answer = (await refused(edge, '{"data": [{"Designation": 1}, {"Sleep_Hour": 7}]}')).json()
    assert (answer["code"], answer["pointer"]) == ("unknown_field", "/data/1/Sleep_Hour")
    assert "'Sleep_Hours'" in answer["detail"]


async def test_an_unknown_field_of_the_body_is_told_the_nearest_one(edge: httpx.AsyncClient) -> None:
    answer = (await refused(edge, f'{{"data": [{ROW}], "colums": null}}')).json()
    assert answer["code"] == "unknown_field"
    assert "'columns'" in answer["detail"]


async def test_long_names_are_cut_in_the_answer(edge: httpx.AsyncClient) -> None:
    for body in (f'{{"{"x" * 9000}": 1}}', f'{{"data": [{{"{"x" * 9000}": 1}}]}}'):
        assert len((await refused(edge, body)).content) < 1000


async def test_a_required_field_is_asked_for(edge: httpx.AsyncClient) -> None:
    answer = (await refused(edge, '{"data": [{"city": "Salta"}, {"price": 1}]}', "?model=shop")).json()
    assert (answer["code"], answer["pointer"]) == ("missing_field", "/data/1")
    assert "'city'" in answer["detail"]


@pytest.mark.parametrize("alias", ["svn", "SVM", "../..", "%252e", "..%5C", ""])
async def test_an_unknown_model_is_told_the_nearest_one(edge: httpx.AsyncClient, alias: str) -> None:
    response = await refused(edge, json.dumps(HANDBOOK), f"?model={alias}")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_model")
    assert "'svm'" in response.json()["detail"] or "'shop'" in response.json()["detail"]


async def test_a_model_that_is_not_loaded_yet_is_worth_another_try(edge: httpx.AsyncClient) -> None:
    response = await refused(edge, json.dumps(HANDBOOK), "?model=knn")
    assert (response.status_code, response.json()["code"]) == (503, "model_not_ready")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_only_json_is_taken(edge: httpx.AsyncClient, content_type: str) -> None:
    response = await refused(edge, json.dumps(HANDBOOK), **{"content-type": content_type})
    assert (response.status_code, response.json()["code"]) == (415, "media_type_unsupported")


async def test_a_compressed_body_is_not_unpacked(edge: httpx.AsyncClient) -> None:
    response = await refused(edge, b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert (response.status_code, response.json()["code"]) == (415, "encoding_unsupported")


async def test_an_announced_body_over_the_limit_is_not_read(edge: httpx.AsyncClient) -> None:
    response = await refused(edge, " " * (LIMIT + 1))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


async def test_a_chunked_body_over_the_limit_is_cut_off(edge: httpx.AsyncClient) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 10_000

    response = await edge.post("/predict_stream", content=stream(), headers={"content-type": "application/json"})
    assert as_problem(response).json()["code"] == "body_too_large"
    assert response.status_code == 413


async def test_a_caller_that_hangs_up_is_no_failure_of_ours(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    gone = asyncio.Event()
    read = Request.stream

    async def stream(request: Request) -> AsyncIterator[bytes]:
        try:
            async for chunk in read(request):
                yield chunk
        finally:
            gone.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Request, "stream", stream)
        _, writer = await asyncio.open_connection(edge.base_url.host, edge.base_url.port)
        writer.write(b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\n")
        writer.write(b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
        await writer.drain()
        writer.close()
        await asyncio.wait_for(gone.wait(), 5)
    assert (await edge.get("/livez")).status_code == 200
    assert "Traceback" not in caplog.text


async def test_a_row_with_a_great_many_fields_is_refused_without_delay(edge: httpx.AsyncClient) -> None:
    body = '{"data": [{' + ",".join(f'"{i}":1' for i in range(9000)) + "}]}"
    started = time.monotonic()
    response = await refused(edge, body)
    assert response.json()["code"] == "too_many_fields"
    assert time.monotonic() - started < 2


async def test_unknown_paths_and_methods_are_problems_too(edge: httpx.AsyncClient) -> None:
    response = as_problem(await edge.get("/nowhere/%0d%0a?x=1"))
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.json()["instance"] == "/nowhere/%0d%0a"
    response = as_problem(await edge.get("/predict_stream"))
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


async def test_a_problem_carries_the_callers_trace_id(edge: httpx.AsyncClient) -> None:
    sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (await refused(edge, "", traceparent=sent)).json()["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (await refused(edge, "")).json()["trace_id"] != (await refused(edge, "")).json()["trace_id"]


async def test_a_failure_of_ours_is_a_problem_that_tells_nothing_of_the_inside(
    edge: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(VALUE)

    monkeypatch.setattr("api.intake.ids.request_id", broken)
    response = await refused(edge, json.dumps(HANDBOOK))
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")


async def test_a_large_body_is_checked_beside_the_event_loop(
    edge: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    decode = RowDecoder.decode

    def spy(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        return decode(*args)

    monkeypatch.setattr(RowDecoder, "decode", spy)
    await refused(edge, '{"data": [1]}')
    await refused(edge, '{"data": [' + ",".join(["1"] * 20_000) + "]}")
    assert threads[0] == "MainThread"
    assert threads[1].startswith("asyncio_")
