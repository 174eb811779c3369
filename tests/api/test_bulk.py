"""POST /predict_stream with a record a line: what is accepted, and what then stands on the topics."""

import asyncio
import itertools
import json
from collections.abc import Sequence

import httpx
import pytest
from bulk_support import body, by_partition, line_of, on_topic, pieces, request_of, row, send, value
from edge_support import HANDBOOK, card, documented, put_cards, ready, records, running
from waiting import eventually

from api.bulk.lines import Line
from api.bulk.records import Checked, Reader
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings


async def test_each_line_is_a_record_whatever_of_the_shapes_it_has(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    lines = {
        1: (row(1), value([row(1)])),
        3: ({"data": [row(2), row(3)]}, value([row(2), row(3)])),
        4: ({"data": [[4, None]], "columns": ["designation", "Sleep Hours"]}, None),
        5: (value([row(5)], model="knn"), value([row(5)], model="knn")),
        6: (value([[6, 1]], ["Designation", "Team_Size"], "lightgbm"), None),
        7: (b' {"Designation" : 7}\t\r', value([{"Designation": 7}])),
        8: ({"work life balance-score": 3}, value([{"work life balance-score": 3}])),
    }
    sent = [lines[1][0], b"\r", *(line for line, _ in list(lines.values())[1:])]
    answer = await send(edge, body(sent).rstrip(b"\n"))
    found = {line_of(record): json.loads(record.value) for record in await records(settings, len(lines))}
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "queued",
        "id": answer.json()["id"],
        "lines": 8,
        "accepted": 7,
        "refused": 0,
        "errors": [],
        "unlisted": 0,
    }
    lines[4] = lines[4][0], value([[4, None]], ["designation", "Sleep Hours"])
    lines[6] = lines[6][0], lines[6][0]
    assert found == {number: expected for number, (_, expected) in lines.items()}


async def test_a_record_has_the_requests_id_with_the_number_of_its_line_and_its_trace(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = await send(edge, body([row(1), row(2)]), traceparent=trace)
    found = await records(settings, 2)
    assert [dict(record.headers) for record in found] == [
        {
            "ce_id": f"{answer.json()['id']}-{number}".encode(),
            "ce_source": b"/streamapp/edge",
            "ce_type": codec.REQUEST_TYPE,
            "ce_specversion": codec.SPEC_VERSION,
            "content-type": b"application/json",
            "traceparent": trace.encode(),
        }
        for number in (1, 2)
    ]
    assert {record.key for record in found} == {None}


async def test_every_line_is_there_once_in_order_and_the_refused_ones_are_named(
    edge: httpx.AsyncClient, settings: Settings
) -> None:
    count, bad = 30_000, {number: {"Sleep_Hour": number} for number in range(500, 30_000, 777)}
    content = body(bad.get(number, row(number)) for number in range(1, count + 1))
    answer = (await send(edge, pieces(content, 10_007))).json()
    found = await records(settings, count - len(bad))
    assert (answer["lines"], answer["accepted"], answer["refused"]) == (count, count - len(bad), len(bad))
    assert [error["line"] for error in answer["errors"]] == list(bad)
    assert {(error["code"], error["pointer"]) for error in answer["errors"]} == {("unknown_field", "/Sleep_Hour")}
    assert {request_of(record) for record in found} == {answer["id"]}
    assert all(json.loads(record.value) == value([row(line_of(record))]) for record in found)
    partitions = by_partition(found)
    assert sorted(line for lines in partitions.values() for line in lines) == sorted(
        set(range(1, count + 1)) - bad.keys()
    )
    assert all(lines == sorted(lines) for lines in partitions.values())
    assert partitions.keys() == set(range(settings.partitions))


async def test_a_record_that_its_topic_does_not_take_is_refused(settings: Settings) -> None:
    settings = settings.model_copy(update={"max_record_bytes": 2000})
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        lines = [{"data": [row(number)] * 10} for number in range(40)]
        answer = (await send(client, body([*lines, {"data": [row(41)] * 100}, row(42)]))).json()
    assert (answer["accepted"], answer["refused"]) == (41, 1)
    assert (answer["errors"][0]["line"], answer["errors"][0]["code"]) == (41, "record_too_large")
    assert {line_of(record) for record in await records(settings, 41)} == {*range(1, 41), 42}


async def test_lines_for_different_models_go_to_their_topics(settings: Settings) -> None:
    await put_cards(settings, card("svm"), card("knn"), card("marketplace"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        models = ["svm", "knn", "marketplace", "knn"] * 500
        content = body(value([row(number)], model=model) for number, model in enumerate(models, 1))
        assert (await send(client, content)).json()["accepted"] == len(models)
        assert (await send(client, body([row(1)]), "?model=marketplace")).json()["accepted"] == 1
    slow = await on_topic(settings, settings.topic_of("marketplace"))
    shared = await on_topic(settings, settings.input_topic)
    assert sorted(map(line_of, slow)) == [1, *range(3, len(models) + 1, 4)]
    assert sorted(map(line_of, shared)) == [number for number in range(1, len(models) + 1) if number % 4 != 3]
    assert all(lines == sorted(lines) for lines in by_partition(shared).values())


async def test_every_line_of_the_documentation_is_accepted(edge: httpx.AsyncClient) -> None:
    [lines] = await documented(edge, "/predict_stream", "application/x-ndjson")
    assert (await send(edge, lines.encode())).json()["accepted"] == len(lines.splitlines())


async def test_parameters_of_the_media_type_do_not_matter(edge: httpx.AsyncClient) -> None:
    answer = await send(edge, body([row(1)]), **{"content-type": "Application/X-NDJSON; charset=utf-8"})
    assert answer.status_code == 202


async def test_single_requests_go_on_beside_a_long_one(
    edge: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, rounds = 30_000, 0
    check, checks = Reader.check, []

    async def noting(self: Reader, lines: Sequence[Line]) -> Checked:
        checks.append(rounds)
        return await check(self, lines)

    async def singles() -> None:
        while not long.done():
            assert (await edge.post("/predict_stream", json=HANDBOOK)).status_code == 202

    monkeypatch.setattr(Reader, "check", noting)
    long = asyncio.create_task(send(edge, body(map(row, range(count)))))
    beside = asyncio.create_task(singles())
    while not long.done():
        rounds += 1
        await asyncio.sleep(0)
    await beside
    assert (await long).json()["accepted"] == count
    assert all(later > earlier for earlier, later in itertools.pairwise(checks)), "the loop goes round in between"
    assert len(checks) >= count / 64
