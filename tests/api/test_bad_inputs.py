"""The table of bad inputs through a real socket: each gets its answer, and the edge goes on as before."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import quote

import msgspec
import pytest
import pytest_asyncio
import uvicorn
from bad_inputs import BODIES, MARK, MOST_FIELDS, MOST_ROWS, Bad
from edge_process import GOOD, Answer, EdgeProcess, head, serving
from uvicorn.server import ServerState

from api.http.protocol import bounded
from api.http.routing import FastPath
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import load_settings
from streamapp.embedded.processes import Processes

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
LIMIT = 900_000
#: Seconds that a request has to arrive in.
PATIENCE = 2.0
LARGE = ModelCard("large", "Large", "1", "run", "lightgbm", (Feature("Sleep_Hours"), Feature("Team_Size")))
SHOP = ModelCard("shop", "Shop", "1", "run", "pyfunc", (Feature("city", "string"), Feature("stock", "integer")))
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge(broker: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EdgeProcess]:
    """One edge for all tests here: none may disturb another."""
    settings = load_settings(
        broker=broker,
        redis_url=redis_url,
        models={"large": "Large", "shop": "Shop"},
        default_model="large",
        input_topic="requests-bad-inputs",
        models_topic="models-bad-inputs",
        max_rows=MOST_ROWS,
        max_fields=MOST_FIELDS,
        max_body_bytes=LIMIT,
        request_timeout=PATIENCE,
    )
    async with Processes(tmp_path_factory.mktemp("edge")) as processes:
        async for edge in serving(processes, settings, LARGE, SHOP):
            for _ in range(20):
                assert (await edge.post(GOOD)).status == 202
            yield edge


@pytest_asyncio.fixture(loop_scope="module")
async def unharmed(edge: EdgeProcess) -> AsyncIterator[EdgeProcess]:
    """The edge, which answers a good request at once after what a test has done, and has not grown."""
    before = edge.memory
    yield edge
    started = time.monotonic()
    assert (await edge.post(GOOD)).status == 202
    assert time.monotonic() - started < 1
    assert edge.memory - before < 64 * MIB
    assert "Traceback" not in edge.child.log.read_text()


def refused(answer: Answer | None, status: int, code: str) -> Answer:
    """Check that an answer is this problem, with all its fields, and repeats nothing of what was sent."""
    assert answer is not None
    assert (answer.status, answer.code) == (status, code)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance", "code", "trace_id"} <= problem.keys()
    assert problem["status"] == status
    assert MARK.encode() not in answer.body
    assert len(answer.body) < 2000
    return answer


TABLE = [pytest.param(case, id=str(case), marks=pytest.mark.bad_input(case.number)) for case in BODIES]


@pytest.mark.parametrize("case", TABLE)
@pytest.mark.parametrize("path", ["/predict_stream", "/predict"])
async def test_a_body_gets_what_the_table_says(unharmed: EdgeProcess, case: Bad, path: str) -> None:
    refused(await unharmed.post(case.body, f"{path}?model=large"), case.status, case.code)


FLAT = [case for case in BODIES if case.body.startswith(b'{"data": [{"Team') and "data" not in case.what]
FLAT.remove(next(case for case in FLAT if case.code == "too_many_rows"))


@pytest.mark.parametrize("case", FLAT, ids=str)
async def test_a_flat_body_gets_the_same(unharmed: EdgeProcess, case: Bad) -> None:
    record = case.body.removeprefix(b'{"data": [').removesuffix(b"]}")
    refused(await unharmed.post(record, "/predict?model=large"), case.status, case.code)


@pytest.mark.parametrize("case", FLAT, ids=str)
async def test_a_line_gets_the_same(unharmed: EdgeProcess, case: Bad) -> None:
    answer = await unharmed.post(GOOD + b"\n" + case.body, **{"Content-Type": "application/x-ndjson"})
    assert (answer.status, answer.json()["accepted"]) == (202, 1)
    assert [error["code"] for error in answer.json()["errors"]] == [case.code]
    assert MARK.encode() not in answer.body


@pytest.mark.bad_input(1)
async def test_01_an_announced_body_over_the_limit_is_not_waited_for(unharmed: EdgeProcess) -> None:
    request = head("POST", "/predict_stream", {**JSON, "Content-Length": "1000000000000"})
    refused(await unharmed.converse([request]), 413, "body_too_large")


@pytest.mark.bad_input(2)
async def test_02_a_chunked_body_over_the_limit_is_cut_off(unharmed: EdgeProcess) -> None:
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    request = head("POST", "/predict_stream", {**JSON, "Transfer-Encoding": "chunked"})
    refused(await unharmed.converse([request, *[piece] * 20]), 413, "body_too_large")


@pytest.mark.bad_input(3)
async def test_03_a_gzip_bomb_is_not_unpacked(unharmed: EdgeProcess) -> None:
    bomb = gzip.compress(bytes(100 * MIB), 9)
    refused(await unharmed.post(bomb, **{"Content-Encoding": "gzip"}), 415, "encoding_unsupported")


@pytest.mark.bad_input(6)
async def test_06_a_record_of_a_million_keys_is_larger_than_a_body_may_be(unharmed: EdgeProcess) -> None:
    before = unharmed.cpu_seconds
    request = head("POST", "/predict_stream", {**JSON, "Content-Length": "8888901"})
    refused(await unharmed.converse([request]), 413, "body_too_large")
    assert unharmed.cpu_seconds - before < 0.1


@pytest.mark.bad_input(16)
@pytest.mark.parametrize("given", ["", "text/plain", "application/x-www-form-urlencoded", f"{MARK}/json"])
async def test_16_only_json_is_taken(unharmed: EdgeProcess, given: str) -> None:
    refused(await unharmed.post(GOOD, **{"Content-Type": given}), 415, "media_type_unsupported")
    length = {"Content-Length": str(len(GOOD))}
    refused(await unharmed.converse([head("POST", "/predict", length), GOOD]), 415, "media_type_unsupported")


@pytest.mark.bad_input(17)
@pytest.mark.parametrize("alias", [f"../..{MARK}", "%252e", "%252e%252e%252f", "..%5c", "..%2f..", "%00", "%0d%0a"])
@pytest.mark.parametrize("path", ["/predict_stream", "/predict"])
async def test_17_a_path_is_no_model(unharmed: EdgeProcess, alias: str, path: str) -> None:
    refused(await unharmed.post(GOOD, f"{path}?model={alias}"), 404, "unknown_model")


@pytest.mark.bad_input(18)
async def test_18_a_model_in_the_body_is_no_field_and_nothing_is_fetched(unharmed: EdgeProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        host = f"127.0.0.1:{trap.getsockname()[1]}"
        for uri in (f"http://{host}/latest/meta-data", f"s3://{host}/x", "file:///etc/passwd", "runs:/1/model"):
            body = GOOD[:-1] + f', "model": "{uri}"}}'.encode()
            refused(await unharmed.post(body), 422, "unknown_field")
            named = await unharmed.post(GOOD, f"/predict_stream?model={quote(uri, safe='')}")
            refused(named, 422, "invalid_parameter")
            lines = {"Content-Type": "application/x-ndjson"}
            named = await unharmed.post(GOOD, f"/predict_stream?model={quote(uri, safe='')}", **lines)
            refused(named, 422, "invalid_parameter")
        with pytest.raises(BlockingIOError):
            trap.accept()


@pytest.mark.bad_input(24)
@pytest.mark.parametrize("name", ["%0d%0aSet-Cookie:%20a=b", "%1b%5b31m", "a%0ab", "%00", "x" * 201])
async def test_24_an_id_with_control_characters_is_none(unharmed: EdgeProcess, name: str) -> None:
    answer = refused(await unharmed.get(f"/predictions/{name}"), 422, "invalid_parameter")
    assert "set-cookie" not in answer.headers


@pytest.mark.bad_input(25)
@pytest.mark.parametrize("text", ['=HYPERLINK("http://a.b")', "@SUM(1)", "\tx", "+1", "-1", "\r=1"])
async def test_25_a_formula_is_a_string_like_any_other(unharmed: EdgeProcess, text: str) -> None:
    answer = await unharmed.post(msgspec.json.encode({"data": [{"city": text}]}), "/predict_stream?model=shop")
    assert answer.status == 202


@pytest.mark.bad_input(28)
async def test_28_a_body_that_trickles_in_is_closed_by_a_time_out(unharmed: EdgeProcess) -> None:
    request = head("POST", "/predict_stream", {**JSON, "Content-Length": "1000"})
    started = time.monotonic()
    answer = await unharmed.converse([request, *[b" "] * 100], pause=0.2)
    refused(answer, 408, "body_timeout")
    assert PATIENCE < time.monotonic() - started < PATIENCE + 5


@pytest.mark.parametrize("start", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: ed"])
async def test_a_head_that_trickles_in_is_closed_by_a_time_out(unharmed: EdgeProcess, start: bytes) -> None:
    reader, writer = await unharmed.connect()
    writer.write(start)
    assert await asyncio.wait_for(reader.read(), PATIENCE + 5) == b""
    writer.close()


async def test_a_connection_that_was_used_is_closed_too_where_the_next_head_trickles_in(
    unharmed: EdgeProcess,
) -> None:
    reader, writer = await unharmed.connect()
    writer.write(head("GET", "/livez", {}))
    assert b"200 OK" in await reader.readuntil(b"}")
    writer.write(b"\r\n")
    assert await asyncio.wait_for(reader.read(), PATIENCE + 5) == b""
    writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /" + b"x" * 70_000],
        [b"GET /livez HTTP/1.1\r\nA: ", *[b"x" * 10_000] * 7],
        [b"GET /livez HTTP/1.1\r\n", *[b"Cookie: aaaaaaaaaaaaaaaaaaa\r\n"] * 3000],
        [b"GET /livez HTTP/1.1\r\n" + b"Cookie: aaaaaaaaaaaaaaaaaaa\r\n" * 3000 + b"\r\n"],
        [head("POST", "/predict_stream", {**JSON, "Transfer-Encoding": "chunked"}), b"0\r\nA: ", *[b"x" * 9000] * 16],
    ],
    ids=["path", "one header", "many headers", "at once", "trailers"],
)
async def test_a_head_without_end_is_refused(unharmed: EdgeProcess, pieces: list[bytes]) -> None:
    refused(await unharmed.converse(pieces), 431, "headers_too_large")


async def test_trailers_without_end_that_are_read_together_with_their_head_are_refused() -> None:
    settings = load_settings(request_timeout=PATIENCE)
    config = uvicorn.Config(FastPath(), http=bounded(settings))
    config.load()
    loop, answer = asyncio.get_running_loop(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # All of it is there before the edge reads, which then takes it in one piece.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with socket.create_connection(listening.getsockname(), timeout=10) as client:
            client.sendall(
                head("POST", "/predict_stream", {"Transfer-Encoding": "chunked"}) + b"0\r\nA: " + b"x" * 144_000
            )
            client.settimeout(0)
            server = await loop.create_server(lambda: bounded(settings)(config, ServerState(), {}), sock=listening)
            while piece := await asyncio.wait_for(loop.sock_recv(client, 1 << 16), 10):
                answer += piece
            server.close()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"code":"headers_too_large"' in answer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /liv\xe9z HTTP/1.1\r\nHost: edge\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nA\x00B: c\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: edge\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_a_problem_too(unharmed: EdgeProcess, sent: bytes) -> None:
    refused(await unharmed.converse([sent]), 400, "malformed_http")
