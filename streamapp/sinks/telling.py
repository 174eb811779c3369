"""What the log of the sinks says of single predictions."""

import logging
from collections.abc import Iterable
from typing import Final

from streamapp import logs
from streamapp.contracts import trace
from streamapp.sinks.ports import Predicted

log = logging.getLogger(__name__)
_KEPT: Final = logs.Lines(log, "kept")


def tell(entries: Iterable[Predicted], sink: str) -> None:
    """Log that a sink keeps predictions, at `logs.level`."""
    if not log.isEnabledFor(logging.INFO):
        return
    verbose = log.isEnabledFor(logging.DEBUG)
    for entry in entries:
        traceparent = entry.traceparent.encode()
        sampled = trace.is_sampled(traceparent)
        if (verbose or sampled) and _KEPT.wanted(level := logs.level(sampled=sampled)):
            _KEPT.write(level, entry.prediction.id, trace.parse(traceparent), sink=sink)
