"""The trace that a request belongs to: taken up from its `traceparent`, passed on with its records.

Where a caller sent none, none is made, unless spans are sent and chance wants it: the record's id finds the record
everywhere already. Only a problem has a trace id all the same, a new one, by which the edge's log says the same as
the answer.

Where spans are sent (`STREAMAPP_OTLP_ENDPOINT`), a sampled request for predictions has a span here, and its records
name that of their publishing as their parent, instead of the caller's.
"""

import logging
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastapi import Request

from api.errors import EdgeCode
from api.telemetry import spans
from api.telemetry.spans import Spanned
from streamapp import logs
from streamapp.contracts import trace
from streamapp.contracts.trace import Trace

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from streamapp.tracing.otlp import Tracer

#: Asked again and again by who waits until it is otherwise.
_EXPECTED: Final = {EdgeCode.NOT_READY, EdgeCode.PREDICTION_NOT_FOUND}
_MAX_PATH: Final = 200

log = logging.getLogger(__name__)
_ACCEPTED: Final = logs.Lines(log, "accepted")


class Traced(NamedTuple):
    """What is known of a request's trace.

    Attributes:
        trace: The trace; None where the request belongs to none.
        headers: What its records say of it.
    """

    trace: Trace | None
    headers: list[tuple[str, bytes]]


_UNTRACED: Final = Traced(None, [])


def begin(request: Request, tracer: "Tracer") -> None:
    """Begin the span of a request where its caller samples its trace or, where it belongs to none, chance does."""
    given = _given(request)
    if given.trace.sampled if given.trace else tracer.chance():
        method = request.scope["method"]
        span = tracer.start(method, "server", given.headers, {"http.request.method": method})
        spans.keep(request.scope, Spanned(span, tracer))


class Publishing:
    """A context in which a request's record or records are published; gives what they say of their trace.

    Args:
        request: The request.
        topic: Where they go.
        record_id: Id of the request.
    """

    __slots__ = ("_request", "_span", "_told")

    def __init__(self, request: Request, topic: str, record_id: str) -> None:
        self._request = request
        self._span: Span | None = None
        self._told = (topic, record_id)

    def __enter__(self) -> Traced:
        spanned = spans.of(self._request.scope)
        if spanned is None:
            return _given(self._request)
        topic, record_id = self._told
        about = {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.operation.name": "send",
            "messaging.destination.name": topic,
            "messaging.message.id": record_id,
        }
        self._span = spanned.tracer.start(f"send {topic}", "producer", spanned.span, about)
        return _traced(spanned.tracer.headers(self._span))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._span is None:
            return
        if error is not None:
            self.fail(error)
        self._span.end()

    def fail(self, error: BaseException) -> None:
        """Say that not all was published, for an error that the block does not raise."""
        spanned = spans.of(self._request.scope)
        if self._span is not None and spanned is not None:
            spanned.tracer.fail(self._span, type(error).__name__)


def taken_up(request: Request) -> Traced:
    """Return the trace of a request; a `traceparent` that is malformed or given twice counts as none."""
    spanned = spans.of(request.scope)
    return _given(request) if spanned is None else _traced(spanned.tracer.headers(spanned.span))


def _given(request: Request) -> Traced:
    given = request.headers.getlist(trace.TRACEPARENT)
    if not given:
        return _UNTRACED
    state = ",".join(request.headers.getlist(trace.TRACESTATE)).encode("latin-1")
    parents = [(trace.TRACEPARENT, value.encode("latin-1")) for value in given]
    return _traced(trace.carried((*parents, (trace.TRACESTATE, state))))


def _traced(headers: list[tuple[str, bytes]]) -> Traced:
    return Traced(trace.parse(headers[0][1]), headers) if headers else _UNTRACED


def trace_id(request: Request) -> str:
    """Return the trace id of a request, or a new one where it belongs to none."""
    found = taken_up(request).trace
    return found.id if found else uuid.uuid4().hex


def accepted(traced: Traced, record_id: str, model: str, **fields: Any) -> None:
    """Log that a request was accepted, at `logs.level`."""
    level = logs.level(sampled=traced.trace is not None and traced.trace.sampled)
    if _ACCEPTED.wanted(level):
        _ACCEPTED.write(level, record_id, traced.trace, model=model, **fields)


def refused(code: str, status: int, trace_id: str, record_id: str, path: str) -> None:
    """Log that a request was answered with a problem.

    Args:
        code: Which problem.
        status: HTTP status.
        trace_id: Trace id of the problem.
        record_id: Id of the request where it was accepted, else "".
        path: Path of the request; the rest of a long one is left out.
    """
    level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    if code in _EXPECTED:
        level = logging.DEBUG
    if log.isEnabledFor(level):
        told = {"code": code, "status": status, "trace_id": trace_id, "path": path[:_MAX_PATH]}
        log.log(level, "refused", extra={**told, "record_id": record_id} if record_id else told)
