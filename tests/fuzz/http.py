"""Damaged requests on raw sockets: whatever comes, the edge answers as HTTP has it, or closes."""

import asyncio
import re
from random import Random
from typing import Final

from fuzz.mutation import mutated

_ROW: Final = b'{"data": [{"Sleep_Hours": 7.5, "Team_Size": 3}], "columns": null}'
_JSON: Final = b"Host: edge\r\nContent-Type: application/json\r\n"
_TRACE: Final = b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
SEEDS: Final = (
    b"GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n",
    b"GET /models HTTP/1.1\r\nHost: edge\r\nAccept: */*\r\n\r\n",
    b"GET /predictions/01936d0c-8a4e-7c63-9d0e-5b1f6a2c7e90 HTTP/1.1\r\nHost: edge\r\n\r\n",
    b"POST /predict_stream?model=large HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (_JSON, len(_ROW), _ROW),
    b"POST /predict?probabilities=true HTTP/1.1\r\n%b%bPrefer: wait=0.1\r\nContent-Length: %d\r\n\r\n%b"
    % (_JSON, _TRACE, len(_ROW), _ROW),
    b"POST /predict_stream HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (_JSON, len(_ROW), _ROW),
    b"POST /predict_stream HTTP/1.1\r\nHost: edge\r\nContent-Type: application/x-ndjson\r\n"
    b"Content-Length: %d\r\n\r\n%b\n{}\n" % (len(_ROW) + 4, _ROW),
    b'POST /predict_stream HTTP/1.1\r\n%bIdempotency-Key: "abc"\r\nContent-Length: %d\r\n\r\n%b'
    % (_JSON, len(_ROW), _ROW),
    b"POST /invocations HTTP/1.1\r\n%bContent-Length: 50\r\n\r\n%b"
    % (_JSON, b'{"dataframe_records": [{"Sleep_Hours": 7, "a": 1}]}'),
    b"POST /v2/models/large/infer HTTP/1.1\r\n%bContent-Length: 77\r\n\r\n%b"
    % (_JSON, b'{"inputs":[{"name":"Team_Size","shape":[1],"datatype":"FP64","data":[1.5]}]}'),
    b"GET /livez HTTP/1.1\r\nHost: edge\r\n\r\n" * 3,
)
#: Answers, one after the other in what came back.
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")
#: What is no fault of the edge: it has no worker here, and may be full.
_EXPECTED: Final = {503, 504}


class BadAnswer(AssertionError):
    """The edge did not answer as it should."""


async def exchange(port: int, sent: bytes, patience: float = 60.0) -> bytes:
    """Send bytes; return all that comes back until the edge closes, or until it has nothing more to say.

    The edge gives up a request that is not whole after some seconds; the patience is far above that, since a busy
    machine may stop it for as long.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(patience) as deadline:
            while piece := await reader.read(65536):
                received += piece
                # An answer is there; a second one, to what came behind, would be there soon.
                deadline.reschedule(asyncio.get_running_loop().time() + 0.2)
    except (TimeoutError, ConnectionError):
        if not received and not isinstance(reader.exception(), ConnectionError):
            raise BadAnswer(f"No answer and no close within {patience:g} s to {sent!r}") from None
    finally:
        writer.close()
    return received


def check(sent: bytes, received: bytes) -> None:
    """Check that what came back is HTTP, and no failure.

    Raises:
        BadAnswer: It is not.
    """
    answers = list(_STATUS.finditer(received))
    if received and (not answers or answers[0].start()):
        raise BadAnswer(f"{received[:200]!r} to {sent!r}")
    for answer in answers:
        status, headers = int(answer[1]), answer[2].lower()
        if status >= 500 and status not in _EXPECTED:
            raise BadAnswer(f"{status} to {sent!r}")
        if status >= 400 and b"application/problem+json" not in headers:
            raise BadAnswer(f"{status}, which is no problem, to {sent!r}: {received[:500]!r}")


async def fuzz(port: int, random: Random, count: int) -> None:
    """Send damaged requests, many at a time.

    Raises:
        BadAnswer: One was not answered as it should.
    """
    room = asyncio.Semaphore(64)

    async def one(sent: bytes) -> None:
        async with room:
            check(sent, await exchange(port, sent))

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one(mutated(random, random.choice(SEEDS))))
