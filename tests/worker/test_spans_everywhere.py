"""Spans of one request at a collector: from the edge over the topic to batch and prediction, all real processes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from collector import Collector, Span, collecting
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire
from waiting import eventually
from worker_support import Stack

from streamapp.clients import kafka
from streamapp.contracts import trace
from streamapp.embedded.processes import Processes, free_port

CALLER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
SAMPLED = f"00-{CALLER[0]}-{CALLER[1]}-01"
QUIET_ID = "0af7651916cd43dd8448eb211c80319c"
REFUSED = ("5bf92f3577b34da6a3ce929d0e0e4736", "10f067aa0ba902b7")
BULK_ID = "6bf92f3577b34da6a3ce929d0e0e4736"
STAGES = {"decode", "predict large", "produce"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def edge(stack: Stack, collector: Collector) -> str:
    """URL of an edge, beside a worker; both send spans."""
    stack.settings = stack.settings.model_copy(
        update={"api_port": free_port(), "model_topics": {}, "otlp_endpoint": collector.endpoint, "trace_ratio": 0.0}
    )
    for name in ("api", "worker"):
        stack.worker("streamapp", name, OTEL_BSP_SCHEDULE_DELAY="100")
    return f"http://127.0.0.1:{stack.settings.api_port}"


async def post(edge: str, path: str = "/predict", **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(edge + path, **{"json": {"data": [{"Team_Size": 15}]}, **options})


async def answers(edge: str) -> bool:
    try:
        return (await post(edge)).status_code == 200
    except httpx.TransportError:
        return False


def batch_of(collector: Collector, span: Span) -> Span | None:
    """The span of the batch that is linked to a span."""
    return next((one for one in collector.spans if span.context in one.links and one.parent_id == ""), None)


async def test_a_sampled_request_is_a_tree_of_spans_and_its_batch_is_linked(
    stack: Stack, edge: str, collector: Collector, processes: Processes
) -> None:
    await eventually(lambda: answers(edge), "the first answer", timeout=90)
    assert (await post(edge, headers={"traceparent": f"00-{QUIET_ID}-b7ad6b7169203331-00"})).status_code == 200
    headers = {"traceparent": SAMPLED, "tracestate": "vendor=1"}
    record_id = (await post(edge, headers=headers)).headers["x-request-id"]
    topic = stack.settings.input_topic
    names = {"POST /predict", f"send {topic}", "predict"}
    await eventually(lambda: collector.of(CALLER[0]).keys(), "the spans of the request", expected=names)
    request, send, predict = (collector.of(CALLER[0])[name] for name in ("POST /predict", f"send {topic}", "predict"))

    assert [span.parent_id for span in (request, send, predict)] == [CALLER[1], request.span_id, send.span_id]
    assert [span.service for span in (request, send, predict)] == ["streamapp-edge"] * 2 + ["streamapp-worker"]
    kinds = [Wire.SPAN_KIND_SERVER, Wire.SPAN_KIND_PRODUCER, Wire.SPAN_KIND_CONSUMER]
    assert [span.kind for span in (request, send, predict)] == kinds
    assert request.attributes["http.response.status_code"] == 200
    assert {span.attributes["messaging.message.id"] for span in (send, predict)} == {record_id}
    assert (request.attributes["streamapp.model"], predict.attributes["streamapp.model"]) == ("large", "large")
    assert request.seconds >= send.seconds >= 0

    await eventually(lambda: batch_of(collector, send) is not None, "the span of the batch")
    batch = batch_of(collector, send)
    assert batch is not None
    assert (batch.name, predict.links) == (f"process {topic}", [batch.context])
    stages = {span.name for span in collector.of(batch.trace_id).values() if span.parent_id == batch.span_id}
    assert stages == STAGES
    # What becomes of the record names the span that made it, and whoever reads on hangs below that.
    for name, made in ((topic, send), (stack.settings.predictions_topic, predict)):
        found = await stack.read(name, lambda read: record_id in [dict(r.headers)["ce_id"].decode() for r in read])
        (record,) = [dict(r.headers) for r in found if dict(r.headers)["ce_id"].decode() == record_id]
        assert record["traceparent"].decode() == f"00-{CALLER[0]}-{made.span_id}-01"
        assert record["tracestate"] == b"vendor=1"

    # A record of another program that names a trace, and is refused; lines, which share one span of the worker.
    async with kafka.producer(stack.settings, "test") as producer:
        traceparent = f"00-{'-'.join(REFUSED)}-01".encode()
        await producer.send_and_wait(topic, b"no JSON", headers=[("ce_id", b"bad"), (trace.TRACEPARENT, traceparent)])
    await eventually(lambda: len(collector.of(REFUSED[0])), "the span of the dead letter", expected=1)
    refused = collector.of(REFUSED[0])["predict"]
    assert (refused.failed, refused.parent_id) == (True, REFUSED[1])
    assert refused.attributes["error.type"] == "malformed_json"
    lines = {"content": b'{"Team_Size": 15}\n' * 50, "json": None}
    bulk = {"traceparent": f"00-{BULK_ID}-{CALLER[1]}-01", "content-type": "application/x-ndjson"}
    assert (await post(edge, "/predict_stream", **lines, headers=bulk)).json()["accepted"] == 50
    await eventually(lambda: "predict" in collector.of(BULK_ID), "the span of the lines")
    # Chance samples none of the others here, and a caller who does not is heard.
    assert not collector.of(QUIET_ID)
    assert {span.trace_id for span in collector.spans if span.name == "POST /predict"} == {CALLER[0]}

    # Without a collector all goes on, and ends in time.
    collector.stop()
    assert (await post(edge, headers=headers)).status_code == 200
    began = time.monotonic()
    codes = [await processes.stop(part, timeout=20) for part in stack.workers]
    assert codes == [-signal.SIGTERM, 0]  # uvicorn ends by the signal that it got, once it has finished
    assert time.monotonic() - began < 15


def test_without_an_endpoint_nothing_that_makes_spans_is_imported() -> None:
    code = (
        "import sys\n"
        "from api.app import create_app\n"
        "from streamapp import tracing\n"
        "from streamapp.contracts.settings import load_settings\n"
        "import streamapp.app\n"
        "create_app(load_settings())\n"
        "assert tracing.tracer(load_settings(), 'edge') is None\n"
        # Its metrics are imported by redis, where they are installed.
        "unwanted = ('opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print([name for name in sys.modules if name.startswith(unwanted)])"
    )
    assert subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stdout == "[]\n"
