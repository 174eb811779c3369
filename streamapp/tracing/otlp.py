"""Spans by OpenTelemetry's SDK, sent over OTLP (HTTP, protobuf) from a thread of its own.

A collector that is slow or away costs spans, and nothing else: what does not fit the SDK's queue is dropped. The
SDK's own variables (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_BSP_*`, `OTEL_RESOURCE_ATTRIBUTES` ...) hold as well.
"""

import os
import random
import socket
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import Final, Literal

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streamapp import __version__
from streamapp.contracts import trace
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.messages import Headers
from streamapp.tracing.exporter import Exporter

Kind = Literal["server", "producer", "consumer", "internal"]
#: Values of a span.
Attributes = Mapping[str, str | int | Sequence[str]]

#: Seconds that a request to the collector may take, repetitions included, and that the last spans have at the end.
_PATIENCE: Final = 3.0
_W3C: Final = TraceContextTextMapPropagator()


class Tracer:
    """Makes the spans of one part. Whether a trace is sampled is asked before: each span that is begun is sent.

    Args:
        endpoint: URL of the collector, without the path of traces.
        ratio: Share of the traces begun here that are sampled.
        part: What the part is called.

    Raises:
        SettingsError: A variable of the SDK's makes no sense.
    """

    def __init__(self, endpoint: str, ratio: float, part: str) -> None:
        self._ratio = ratio
        about = {
            "service.namespace": "streamapp",
            "service.name": f"streamapp-{part}",
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        }
        resource = Resource.create(about).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
        exporter = Exporter(f"{endpoint.rstrip('/')}/v1/traces", _PATIENCE)
        try:
            self._provider.add_span_processor(BatchSpanProcessor(exporter))
        except ValueError as exc:
            raise SettingsError(f"OTEL_BSP_*: {exc}") from None
        self._tracer = self._provider.get_tracer("streamapp", __version__)

    def chance(self) -> bool:
        """Say whether a trace that begins here is to be sampled."""
        return random.random() < self._ratio  # noqa: S311  # no secret

    def start(
        self,
        name: str,
        kind: Kind,
        parent: "Span | Sequence[tuple[str, bytes]]" = (),
        attributes: Attributes | None = None,
        *,
        links: Sequence[Headers] = (),
        since: int | None = None,
    ) -> Span:
        """Begin a span.

        Args:
            name: Its name.
            kind: Its kind.
            parent: The span above it, here or as headers have it; none: it begins a trace.
            attributes: Its values.
            links: Headers of what it has to do with beside.
            since: When it began, in nanoseconds since 1970; None: now.
        """
        context = set_span_in_context(parent, Context()) if isinstance(parent, Span) else _context(parent)
        linked = [Link(get_current_span(_context(one)).get_span_context()) for one in links]
        return self._tracer.start_span(
            name, context, SpanKind[kind.upper()], attributes, links=linked, start_time=since
        )

    def headers(self, span: Span) -> list[tuple[str, bytes]]:
        """Return what a record says that belongs to a span."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(span, Context()))
        return [(name, value.encode("latin-1")) for name, value in carrier.items()]

    def fail(self, span: Span, message: str = "") -> None:
        """Say that what a span is of has failed."""
        span.set_status(Status(StatusCode.ERROR, message))

    def flush(self) -> None:
        """Send what has ended, now; blocks for as long."""
        self._provider.force_flush()

    def stop(self) -> None:
        """Send the last spans, within a few seconds; blocks for as long."""
        # A collector that does not answer would keep it waiting.
        last = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(_PATIENCE)


def _context(given: Sequence[tuple[str, bytes]]) -> Context:
    carried = trace.carried(tuple(given))
    return _W3C.extract({name: value.decode("latin-1") for name, value in carried}, Context())
