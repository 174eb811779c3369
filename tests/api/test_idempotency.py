"""`Idempotency-Key`: a request that is repeated puts no second record on the topic, and gets the same answer."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from bulk_support import NDJSON, body, row, served
from edge_support import HANDBOOK, card, put_cards
from idempotency_support import (
    IN_FLIGHT,
    PREDICT,
    accepted_keys,
    entries,
    equal,
    key,
    on_topics,
    patient,
    ready_edge,
    replies,
    send,
)
from keys_support import bearer, code, with_keys
from replies_support import answering
from waiting import eventually

from api.idempotency.reservations import Reservation
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes


@pytest.mark.parametrize("path", ["/predict_stream", PREDICT])
async def test_fifty_at_once_to_two_edges_are_one_record_and_one_answer(
    own: Processes, settings: Settings, path: str
) -> None:
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            _, url = await served(own, settings)
            clients.append(await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False)))
        await stack.enter_async_context(answering(settings))
        for client in clients:
            await eventually(lambda client=client: replies(client), "the edge to read replies")
        at_once = await asyncio.gather(*(send(clients[number % 2], path) for number in range(50)))
        assert {answer.status_code for answer in at_once} <= {200, 202, 409}
        answers = await asyncio.gather(*(patient(clients[number % 2], path) for number in range(50)))
        first = equal(answers + [answer for answer in at_once if answer.is_success])
    assert first.status_code == (200 if path == PREDICT else 202)
    assert await on_topics(settings) == [first.headers["location"].rpartition("/")[2]]


async def test_an_edge_that_is_started_anew_gives_the_same_answer(settings: Settings) -> None:
    async with ready_edge(settings) as client:
        before = await send(client)
    async with ready_edge(settings) as client:
        equal([before, await send(client)])
        quoted = await client.post("/predict_stream", json=HANDBOOK, headers=key(f'"{key()["Idempotency-Key"]}"'))
        equal([before, quoted])
    assert await on_topics(settings) == [before.json()["id"]]


async def test_an_edge_that_is_killed_while_it_waits_for_the_prediction_has_put_its_record_there_once(
    own: Processes, settings: Settings
) -> None:
    child, url = await served(own, settings)
    async with answering(settings) as worker, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        await eventually(lambda: replies(client), "the edge to read replies")
        worker.answering.clear()
        waits = asyncio.create_task(send(client, PREDICT, Prefer="wait=1"))
        await eventually(lambda: worker.asked, "the record to be on the topic", expected=1)
        await eventually(lambda: accepted_keys(settings), "the edge to know it", expected=1)
        child.process.send_signal(signal.SIGKILL)
        with pytest.raises(httpx.RequestError):
            await waits
    async with ready_edge(settings) as client:
        late = await patient(client, PREDICT)
    assert code(late) == (504, "deadline")
    assert await on_topics(settings) == [late.json()["id"]]
    assert late.headers["location"] == late.json()["location"] == f"/predictions/{late.json()['id']}"


async def test_a_caller_that_hangs_up_gets_the_answer_when_it_comes_again(settings: Settings) -> None:
    async with ready_edge(settings) as client, answering(settings) as worker:
        await eventually(lambda: replies(client), "the edge to read replies")
        worker.answering.clear()
        waits = asyncio.create_task(send(client, PREDICT))
        await eventually(lambda: accepted_keys(settings), "the edge to know the record", expected=1)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert code(await send(client, PREDICT)) == IN_FLIGHT
        worker.answering.set()
        answer = await patient(client, PREDICT)
    assert answer.status_code == 200
    assert len(await on_topics(settings)) == 1


@pytest.mark.bad_input(23)
async def test_a_key_that_came_with_another_request_is_refused(settings: Settings) -> None:
    async with ready_edge(settings) as client:
        first = await send(client)
        for path, sent in (
            ("/predict_stream", {"data": [{"Designation": 2}]}),
            ("/predict_stream?model=svm", HANDBOOK),
            ("/predict", HANDBOOK),
        ):
            answer = await client.post(path, json=sent, headers=key())
            assert code(answer) == (422, "idempotency_key_reused")
        content = first.request.content
        for header in ({"Content-Type": "text/plain"}, {"Inference-Header-Content-Length": "7"}):
            headers = {"Content-Type": "application/json"} | key() | header
            answer = await client.post("/predict_stream", content=content, headers=headers)
            assert code(answer) == (422, "idempotency_key_reused"), header
    assert await on_topics(settings) == [first.json()["id"]]


@pytest.mark.bad_input(23)
async def test_a_key_that_is_none_is_refused(edge: httpx.AsyncClient) -> None:
    for value in ("", "a b", '"a', '"a"b', "x" * 256, "ñ", "a\\b", '""'):
        sent = {"Idempotency-Key": value.encode("latin-1")}
        answer = await edge.post("/predict_stream", json=HANDBOOK, headers=sent)
        assert code(answer) == (400, "idempotency_key_invalid"), value


@pytest.mark.bad_input(23)
async def test_a_request_under_way_is_said_to_be(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()
    usual = Reservation.answer

    async def held(self: Reservation, answer: object) -> None:
        await release.wait()
        await usual(self, answer)  # type: ignore[arg-type]

    monkeypatch.setattr(Reservation, "answer", held)
    async with ready_edge(settings) as client:
        first = asyncio.create_task(send(client))
        await eventually(lambda: reserved(settings), "the key to be reserved")
        assert code(await send(client)) == IN_FLIGHT
        release.set()
        equal([await first, await patient(client, "/predict_stream")])


async def test_two_headers_and_lines_are_refused(edge: httpx.AsyncClient) -> None:
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    assert code(await edge.post("/predict_stream", json=HANDBOOK, headers=twice)) == (400, "idempotency_key_invalid")
    lines = await edge.post("/predict_stream", content=body([row(1)]), headers=NDJSON | key())
    assert code(lines) == (400, "idempotency_key_invalid")
    assert "lines" in lines.json()["detail"]


async def test_what_was_refused_can_be_mended_and_sent_again(settings: Settings) -> None:
    async with ready_edge(settings) as client:
        wrong = await client.post("/predict_stream", json={"data": [{"Sleep": 1}]}, headers=key())
        assert code(wrong) == (422, "unknown_field")
        assert (await send(client)).status_code == 202
        bad = await client.post("/predict_stream", content=b"{}", headers=key("other") | {"Content-Type": "text/csv"})
        assert code(bad) == (415, "media_type_unsupported")
    assert len(await on_topics(settings)) == 1


async def test_other_protocols_take_keys_as_well(settings: Settings) -> None:
    records = {"dataframe_records": HANDBOOK["data"]}
    tensor = {"name": "Designation", "shape": [1], "datatype": "FP64", "data": [1.5]}
    async with ready_edge(settings) as client, answering(settings):
        await eventually(lambda: replies(client), "the edge to read replies")
        for path, sent in (("/invocations", records), ("/v2/models/svm/infer", {"id": "7", "inputs": [tensor]})):
            answers = [await client.post(path, json=sent, headers=key(path)) for _ in range(2)]
            assert equal(answers).status_code == 200, answers[0].text
    assert len(await on_topics(settings)) == 2


async def test_a_request_that_another_version_predicted_is_refused_the_same_way_each_time(settings: Settings) -> None:
    tensor = {"name": "Designation", "shape": [1], "datatype": "FP64", "data": [1.5]}
    async with ready_edge(settings) as client, answering(settings):
        await put_cards(settings, card("svm", "2"))  # the worker still has 1
        await eventually(lambda: replies(client), "the edge to read replies")
        path = "/v2/models/svm/versions/2"
        await eventually(lambda: status(client, path), "the new card to be read", expected=200)
        sent = [await client.post(f"{path}/infer", json={"inputs": [tensor]}, headers=key()) for _ in range(2)]
    refused = equal(sent)
    assert code(refused) == (404, "unknown_model")
    told = refused.json()
    assert [told["id"]] == await on_topics(settings)
    assert told["location"] == refused.headers["location"] == f"/predictions/{told['id']}", "it was predicted"


async def status(client: httpx.AsyncClient, path: str) -> int:
    return (await client.get(path)).status_code


async def test_callers_share_no_keys(settings: Settings, tmp_path: Path) -> None:
    settings, file = with_keys(settings, tmp_path)
    async with ready_edge(settings) as client:
        ours, theirs = bearer(file.add("ours")), bearer(file.add("theirs"))
        await eventually(lambda: known(client, theirs), "the keys to be read")
        ids = {(await send(client, **token)).json()["id"] for token in (ours, theirs, ours, theirs)}
    assert len(ids) == 2
    assert sorted(ids) == sorted(await on_topics(settings))


async def known(client: httpx.AsyncClient, token: dict[str, str]) -> bool:
    return (await client.get("/models", headers=token)).status_code == 200


async def reserved(settings: Settings) -> bool:
    return bool(await entries(settings))


async def test_an_answer_that_the_edge_fails_to_shape_says_where_the_prediction_is_each_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of the inside")

    monkeypatch.setattr("api.routes.answers.answer", broken)
    async with ready_edge(settings) as client, answering(settings):
        await eventually(lambda: replies(client), "the edge to read replies")
        sent = [await send(client, PREDICT) for _ in range(2)]
    failed = equal(sent)
    assert code(failed) == (500, "internal_error")
    told = failed.json()
    assert [told["id"]] == await on_topics(settings)
    assert told["location"] == failed.headers["location"] == f"/predictions/{told['id']}", "it was predicted"
    assert "inside" not in failed.text
    [line] = [record for record in caplog.records if record.name == "api.routes.answers"]
    assert (line.__dict__["record_id"], bool(line.exc_info)) == (told["id"], True), "the second was not made anew"
