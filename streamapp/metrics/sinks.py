"""What the sinks worker counts: a batch at a time."""

from typing import Final

from streamapp.metrics.families import Part

PART: Final = Part()

MIRRORED: Final = PART.counter("streamapp_mirrored_records_total", "Predictions that were written to Redis.")
AUDITED: Final = PART.counter("streamapp_audit_rows_total", "Predictions that were written to the CSV audit.")

#: Read when a page is asked for; see `sinks.page`.
MIRROR_DELAY: Final = PART.collected(
    "gauge",
    "streamapp_mirror_delay_seconds",
    "Age of the oldest prediction that is not in Redis yet, 0 where all are. While Redis or the broker is away: at "
    "most so old is the oldest, if there is one.",
)
SINK_DELAY: Final = PART.collected(
    "gauge",
    "streamapp_sink_delay_seconds",
    "The same of each sink: age of the oldest record of its topic that it does not keep yet. While it or the broker "
    "is away: at most so old is the oldest, if there is one.",
    "sink",
)
LAG_RECORDS: Final = PART.collected(
    "gauge",
    "streamapp_sink_lag_records",
    "Records of a partition that a sink does not keep yet, as far as the last read told: `redis_requests`, "
    "`redis_predictions`, `csv`.",
    "sink",
    "partition",
)
