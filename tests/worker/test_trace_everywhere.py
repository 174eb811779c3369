"""One request with a `traceparent`, found by its trace id wherever it was: all parts as processes of their own."""

import json
from typing import Any

import httpx
import pytest
import redis
from waiting import eventually
from worker_support import Stack

from streamapp.embedded.processes import Child, free_port

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
QUIET = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.fixture
def parts(stack: Stack) -> dict[str, Child]:
    """An edge, a worker and a sinks worker."""
    stack.settings = stack.settings.model_copy(update={"api_port": free_port(), "model_topics": {}})
    return {name: stack.worker("streamapp", name) for name in ("api", "worker", "sinks")}


def lines(part: Child, trace_id: str = TRACE_ID) -> list[dict[str, Any]]:
    """The lines of a log that have the trace id; each line of it has to be JSON."""
    said = [json.loads(line) for line in part.log.read_text().splitlines()]
    return [line for line in said if line.get("trace_id") == trace_id]


async def post(stack: Stack, body: dict[str, Any], traceparent: str) -> httpx.Response:
    url = f"http://127.0.0.1:{stack.settings.api_port}/predict"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"traceparent": traceparent, "tracestate": "vendor=1", "baggage": "secret=1"}
        return await client.post(url, json=body, headers=headers)


async def answers(stack: Stack) -> bool:
    try:
        return (await post(stack, {"data": [{"Team_Size": 15}]}, QUIET)).status_code == 200
    except httpx.TransportError:
        return False


async def headers_on(stack: Stack, topic: str, record_id: str) -> dict[str, bytes]:
    """The headers of the record with an id."""
    found = await stack.read(topic, lambda read: record_id in [dict(r.headers)["ce_id"].decode() for r in read])
    return next(dict(r.headers) for r in found if dict(r.headers)["ce_id"].decode() == record_id)


async def test_a_sampled_request_is_found_by_its_trace_id_in_every_topic_in_redis_and_in_every_log(
    stack: Stack, parts: dict[str, Child]
) -> None:
    await eventually(lambda: answers(stack), "the first answer", timeout=90)
    answer = await post(stack, {"data": [{"Team_Size": 15}]}, SAMPLED)
    record_id = answer.headers["x-request-id"]
    for topic in (stack.settings.input_topic, stack.settings.predictions_topic):
        headers = await headers_on(stack, topic, record_id)
        assert headers["traceparent"] == SAMPLED.encode()
        assert headers["tracestate"] == b"vendor=1"
        assert "baggage" not in headers
    client = redis.Redis.from_url(stack.settings.redis_url.get_secret_value())
    stream = stack.settings.redis_predictions_stream

    def mirrored() -> list[bytes]:
        entries = [fields for _, fields in client.xrange(stream)]
        return [fields[b"id"] for fields in entries if TRACE_ID.encode() in fields[b"traceparent"]]

    await eventually(mirrored, "the entry in Redis", expected=[record_id.encode()])
    client.close()
    for part, event in (("api", "accepted"), ("worker", "predicted"), ("sinks", "kept")):
        await eventually(lambda part=part: bool(lines(parts[part])), f"a line in the log of {part}")
        found = lines(parts[part])
        assert {(line["event"], line["record_id"], line["level"]) for line in found} == {(event, record_id, "info")}
        # Of a trace that is not sampled there is only what was refused.
        assert {line["event"] for line in lines(parts[part], QUIET[3:35])} <= {"refused"}
        assert "secret=1" not in parts[part].log.read_text()
    await stack.put(b"no JSON")
    await eventually(lambda: '"malformed_json"' in parts["worker"].log.read_text(), "the line of a dead letter")
