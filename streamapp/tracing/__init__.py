"""Spans of edge and worker, sent to a collector of OpenTelemetry where an endpoint is set; see decision 0031.

Without one nobody makes a tracer, and nothing of OpenTelemetry's SDK is imported.
"""

from typing import TYPE_CHECKING

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings

if TYPE_CHECKING:
    from streamapp.tracing.otlp import Tracer


def tracer(settings: Settings, part: str) -> "Tracer | None":
    """Return what makes the spans of a part, None where no endpoint is set.

    Args:
        settings: The settings in force.
        part: What the part is called: `edge`, `worker`.

    Raises:
        SettingsError: The extra `tracing` is not installed.
    """
    if not settings.otlp_endpoint:
        return None
    try:
        from streamapp.tracing.otlp import Tracer
    except ModuleNotFoundError as exc:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but {exc.name} is not installed: pip install 'streamapp[tracing]'"
        ) from exc
    return Tracer(settings.otlp_endpoint, settings.trace_ratio, part)
