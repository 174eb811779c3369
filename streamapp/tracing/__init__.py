"""Spans of edge and worker, sent to a collector of OpenTelemetry where an endpoint is set; see decision 0031.

Without one nobody makes a tracer, and nothing of OpenTelemetry's SDK is imported.
"""

import os
from typing import TYPE_CHECKING, Final

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings
from streamapp.contracts.shown import given_as
from streamapp.contracts.urls import split

if TYPE_CHECKING:
    from streamapp.tracing.otlp import Tracer

_PROTOCOL: Final = "http/protobuf"
#: Where OpenTelemetry's SDK is told another one; the first that is set counts.
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def tracer(settings: Settings, part: str) -> "Tracer | None":
    """Return what makes the spans of a part, None where no endpoint is set.

    Args:
        settings: The settings in force.
        part: What the part is called: `edge`, `worker`.

    Raises:
        SettingsError: The endpoint, or what else is set for spans, cannot be used, or the extra `tracing` is not
            installed.
    """
    if not settings.otlp_endpoint:
        return None
    if not _is_http(settings.otlp_endpoint):
        raise SettingsError(
            f"{given_as('otlp_endpoint')}: must be a URL as http://collector:4318; spans are sent over HTTP alone"
        )
    protocol = next((name for name in _PROTOCOLS if os.environ.get(name)), "")
    if os.environ.get(protocol, _PROTOCOL) != _PROTOCOL:
        raise SettingsError(
            f"{protocol}: spans are sent as {_PROTOCOL} alone; unset it, and name the collector's port for that in "
            f"{given_as('otlp_endpoint')} (4318, as a rule)"
        )
    try:
        from streamapp.tracing.otlp import Tracer
    except ModuleNotFoundError as exc:
        raise SettingsError(
            f"{given_as('otlp_endpoint')} is set, but {exc.name} is not installed: pip install 'streamapp[tracing]'"
        ) from exc
    return Tracer(settings.otlp_endpoint, settings.trace_ratio, part)


def _is_http(url: str) -> bool:
    try:
        parts = split(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
