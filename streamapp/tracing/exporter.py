"""Sends spans as OpenTelemetry's exporter does, and tells less: no secret, and once that a collector is away."""

import logging
import os
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.util import re as env_headers

from streamapp.contracts.errors import SettingsError

#: Where headers for the collector are set; the first that is holds.
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")

log = logging.getLogger(__name__)


class _Overheard(logging.Filter):
    """Lets nothing pass, and keeps the first line that was to pass since it was last emptied."""

    line = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.line = self.line or record.getMessage()
        return False


#: What the library says: several lines for each attempt, of which it makes one every few seconds.
_OVERHEARD: Final = _Overheard()


class Exporter(trace_exporter.OTLPSpanExporter):
    """Logs when a collector begins to take no spans, and when it takes them again.

    Args:
        url: Where spans are sent to.
        patience: Seconds that a request may take, repetitions included.

    Raises:
        SettingsError: The headers that are to be sent cannot be read.
    """

    def __init__(self, url: str, patience: float) -> None:
        _check_headers()
        super().__init__(url, timeout=patience)
        self._takes = True
        logging.getLogger(trace_exporter.__name__).addFilter(_OVERHEARD)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans; those that the collector does not take in time are lost."""
        _OVERHEARD.line = ""
        result = super().export(spans)
        takes = result is SpanExportResult.SUCCESS
        if takes and not self._takes:
            log.info("The collector takes spans again.")
        elif self._takes and not takes:
            log.warning("The collector takes no spans, and they are lost: %s", _OVERHEARD.line)
        self._takes = takes
        return result


def _check_headers() -> None:
    """Refuse what the library would leave out, and log with the secret in it.

    Raises:
        SettingsError: Of the variable; without its value.
    """
    name = next((name for name in _HEADERS if os.environ.get(name)), None)
    if name is None:
        return
    logging.getLogger(env_headers.__name__).setLevel(logging.CRITICAL)
    for part in filter(str.strip, os.environ[name].split(",")):
        found = env_headers.parse_env_headers(part, liberal=True)
        if not found or not all(map(str.isprintable, found.values())):
            raise SettingsError(f"{name}: must be name=value,name=value; the values as in URLs")
