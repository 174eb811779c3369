"""The trace of a request: what its record says of it, and what the edge's log does."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from bulk_support import body, row, send
from collector import collecting
from edge_support import HANDBOOK, card, put_cards, records, running
from waiting import eventually

from api.publishing.batch_publisher import BatchPublisher
from streamapp.contracts.settings import Settings

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-0"


@pytest.mark.parametrize(
    ("sent", "carried"),
    [
        ([("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "x=1")], {"tracestate": b"a=1,b=2"}),
        ([("tracestate", "é=1")], {}),
        ([("tracestate", "a=" + "x" * 511)], {}),
        ([("tracestate", "a=" + "x" * 510)], {"tracestate": b"a=" + b"x" * 510}),
    ],
    ids=["several", "no ASCII", "too long", "long"],
)
async def test_a_tracestate_goes_with_the_traceparent_and_baggage_does_not(
    edge: httpx.AsyncClient, settings: Settings, sent: list[tuple[str, str]], carried: dict[str, bytes]
) -> None:
    headers = [("traceparent", TRACEPARENT + "0"), *sent]
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    assert (await edge.post("/predict_stream", json=HANDBOOK, headers=given)).status_code == 202
    (record,) = await records(settings, 1)
    found = {name: value for name, value in record.headers if name in {"traceparent", "tracestate", "baggage"}}
    assert found == {"traceparent": (TRACEPARENT + "0").encode(), **carried}


async def test_a_traceparent_that_is_given_twice_counts_as_none(edge: httpx.AsyncClient, settings: Settings) -> None:
    headers = [("traceparent", TRACEPARENT + "1"), ("traceparent", TRACEPARENT + "1"), ("tracestate", "a=1")]
    assert (await edge.post("/predict_stream", json=HANDBOOK, headers=headers)).status_code == 202
    (record,) = await records(settings, 1)
    assert not {"traceparent", "tracestate"} & dict(record.headers).keys()


async def said(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, body: Any, traceparent: str, level: int
) -> list[logging.LogRecord]:
    """Post a request; return the lines about it at a level and above."""
    caplog.clear()
    with caplog.at_level(level, "api.intake.tracing"):
        await edge.post("/predict_stream", json=body, headers={"traceparent": traceparent})
    return [record for record in caplog.records if record.name == "api.intake.tracing"]


async def test_an_accepted_request_has_a_line_where_its_trace_is_sampled_else_at_debug(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = await said(edge, caplog, HANDBOOK, TRACEPARENT + "1", logging.INFO)
    assert (line.getMessage(), line.levelname, line.__dict__["trace_id"]) == ("accepted", "INFO", TRACE_ID)
    assert await said(edge, caplog, HANDBOOK, TRACEPARENT + "0", logging.INFO) == []
    (line,) = await said(edge, caplog, HANDBOOK, TRACEPARENT + "0", logging.DEBUG)
    assert (line.getMessage(), line.levelname, line.__dict__["trace_id"]) == ("accepted", "DEBUG", TRACE_ID)
    (line,) = await said(edge, caplog, HANDBOOK, "none", logging.DEBUG)
    assert "trace_id" not in line.__dict__


async def test_lines_that_are_accepted_together_have_one_line_in_the_log(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"traceparent": TRACEPARENT + "1", "content-type": "application/x-ndjson"}
    with caplog.at_level(logging.INFO, "api.intake.tracing"):
        answer = await edge.post(
            "/predict_stream", content=b'{"Designation": 1}\n{"Designation": 2}\n', headers=headers
        )
    (line,) = [record for record in caplog.records if record.name == "api.intake.tracing"]
    told = {name: line.__dict__[name] for name in ("record_id", "trace_id", "records")}
    assert told == {"record_id": answer.json()["id"], "trace_id": TRACE_ID, "records": 2}


async def test_a_refused_request_has_a_line_whether_its_trace_is_sampled_or_not(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = await said(edge, caplog, {"data": []}, TRACEPARENT + "0", logging.INFO)
    told = {name: line.__dict__[name] for name in ("code", "status", "trace_id", "path")}
    assert told == {"code": "empty_data", "status": 422, "trace_id": TRACE_ID, "path": "/predict_stream"}


async def test_the_line_of_a_problem_has_the_trace_id_of_its_answer_where_the_caller_sent_none(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "api.intake.tracing"):
        problem = (await edge.get("/nowhere" + "x" * 500)).json()
    (line,) = [record for record in caplog.records if record.name == "api.intake.tracing"]
    assert line.__dict__["trace_id"] == problem["trace_id"]
    assert len(line.__dict__["path"]) == 200


async def test_who_asks_until_a_prediction_is_there_fills_no_log(
    edge: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "api.intake.tracing"):
        assert (await edge.get("/predictions/x")).status_code == 404
    assert [record for record in caplog.records if record.name == "api.intake.tracing"] == []


async def test_the_span_of_publishing_lines_has_failed_where_the_broker_takes_none(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchPublisher, "run", lambda _: asyncio.Event().wait())
    await put_cards(settings, card("svm"))
    with collecting() as collector:
        async with running(settings.model_copy(update={"otlp_endpoint": collector.endpoint})) as client:

            async def single() -> int:
                return (await client.post("/predict_stream", json=HANDBOOK)).status_code

            await eventually(single, "single requests to be accepted", expected=202)
            answer = await send(client, body(map(row, range(10))), traceparent=TRACEPARENT + "1")
            assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
        failed = {span.name: span.failed for span in collector.of(TRACE_ID).values()}
    assert failed == {"POST /predict_stream": True, f"send {settings.input_topic}": True}
