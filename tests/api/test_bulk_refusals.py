"""Lines that are refused, each by its number, and requests of which none is accepted."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from bulk_support import body, row, send, value
from edge_support import card, put_cards, ready, running
from waiting import eventually

from api.bulk.report import MOST_LISTED
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import load_settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge(broker: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """One edge for all tests here: they look at answers alone."""
    settings = load_settings(
        broker=broker,
        redis_url=redis_url,
        models={"svm": "SVC", "wide": "Wide"},
        input_topic="requests-bulk-refusals",
        models_topic="models-bulk-refusals",
    )
    features = tuple(Feature(f"Mean_{number:03}_of_the_temperature_in_the_second_chamber") for number in range(100))
    await put_cards(settings, card("svm"), ModelCard("wide", "Wide", "1", "run", "sklearn", features))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield client


@pytest.mark.parametrize(
    ("line", "code", "pointer"),
    [
        (b"{", "malformed_json", ""),
        (b'{"Designation": 1} {"Designation": 2}', "malformed_json", ""),
        (b'{"Designation": 1}, {"Designation": 2}', "malformed_json", ""),
        (b'{"Designation": 1', "malformed_json", ""),
        (b'"Sleep_Hours": 1}', "malformed_request", ""),
        (b'{"Designation": 1}\x00', "malformed_json", ""),
        (b'{"Company": "\xff"}', "malformed_json", ""),
        (b'{"data": [{"Designation": "\xff"}]}', "malformed_json", "/data"),
        (b"[" * 5000, "malformed_request", ""),
        (b'{"Designation":' + b"[" * 5000, "malformed_json", ""),
        (b'{"data": [{"Designation": 1e999}]}', "not_finite", "/data"),
        (b"null", "malformed_request", ""),
        (b"7", "malformed_request", ""),
        ([row(1)], "malformed_request", ""),
        ({}, "empty_data", ""),
        ({"data": []}, "empty_data", "/data"),
        ({"data": [row(1)], "model": "svm"}, "unknown_field", ""),
        ({"Designation": 1, "Sleep_Hour": 7}, "unknown_field", "/Sleep_Hour"),
        ({"data": [row(1), {"Sleep_Hour": 7}]}, "unknown_field", "/data/1/Sleep_Hour"),
        (value([row(1), {"Sleep_Hour": 7}]), "unknown_field", "/payload/data/1/Sleep_Hour"),
        (value([[1, 2]], ["Designation"]), "columns_mismatch", "/payload/data/0"),
        ({"payload": {"data": [row(1)]}}, "malformed_request", ""),
        (value([row(1)], model="svn"), "unknown_model", ""),
        ({"Designation": "1"}, "wrong_type", "/Designation"),
        (b'{"Designation": 1e999}', "not_finite", ""),
        (b'{"Designation": NaN}', "not_finite", ""),
        (b'{"Designation": 1, "designation": 2}', "duplicate_field", "/designation"),
        (b'{"Designation":' + b" " * 900_000 + b"1}", "record_too_large", ""),
    ],
    ids=lambda line: str(line)[:40],
)
async def test_a_line_that_does_not_fit_costs_no_other(
    edge: httpx.AsyncClient, line: Any, code: str, pointer: str
) -> None:
    answer = (await send(edge, body([row(1), line, row(3)]))).json()
    assert (answer["accepted"], answer["refused"]) == (2, 1), answer
    [error] = answer["errors"]
    assert (error["line"], error["code"], error.get("pointer", "")) == (2, code, pointer)


async def test_a_part_of_the_refused_lines_is_listed_and_the_rest_counted(edge: httpx.AsyncClient) -> None:
    answer = (await send(edge, body([row(1), *[b"{"] * (MOST_LISTED + 50)]))).json()
    assert (answer["accepted"], answer["refused"], answer["unlisted"]) == (1, MOST_LISTED + 50, 50)
    assert [error["line"] for error in answer["errors"]] == list(range(2, MOST_LISTED + 2))


async def test_names_that_no_line_shares_do_not_hold_up_the_event_loop(edge: httpx.AsyncClient) -> None:
    longest, lines = 0.0, [{f"{number:03}_rebmahc_eht_ni_erutarepmet" * 2: 1} for number in range(128)]
    sending = asyncio.create_task(send(edge, body(lines), "?model=wide"))
    while not sending.done():
        started = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - started)
    answer = (await sending).json()
    assert (answer["code"], answer["refused"]) == ("all_refused", len(lines))
    assert {error["code"] for error in answer["errors"]} == {"unknown_field"}
    assert longest < 0.25


async def test_where_every_line_is_refused_so_is_the_request(edge: httpx.AsyncClient) -> None:
    answer = await send(edge, body([b"{", b"", {"data": []}]))
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (problem["code"], problem["accepted"], problem["refused"]) == ("all_refused", 0, 2)
    assert [error["line"] for error in problem["errors"]] == [1, 3]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \n", b"\xef\xbb\xbf"])
async def test_a_body_without_a_line_is_a_problem(edge: httpx.AsyncClient, content: bytes) -> None:
    answer = await send(edge, content)
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_data")


async def test_a_request_is_refused_at_once_for_what_concerns_all_its_lines(edge: httpx.AsyncClient) -> None:
    content = body([row(1)])
    unknown = await send(edge, content, "?model=svn")
    compressed = await send(edge, content, **{"content-encoding": "gzip"})
    waiting = await edge.post("/predict", content=content, headers={"content-type": "application/x-ndjson"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_model")
    assert (compressed.status_code, compressed.json()["code"]) == (415, "encoding_unsupported")
    assert (waiting.status_code, waiting.json()["code"]) == (415, "media_type_unsupported")
