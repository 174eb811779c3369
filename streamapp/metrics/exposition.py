"""Pages of metrics, in the form that whoever asks for them prefers."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


def page(registry: CollectorRegistry, accept: str | None) -> tuple[bytes, str]:
    """Return a page of metrics, and its content type.

    Args:
        registry: The metrics.
        accept: The header `Accept` of the request. OpenMetrics goes to who takes that, else Prometheus's own text.
    """
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type
