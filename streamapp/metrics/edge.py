"""What the edge counts: a request at a time, and what the broker acknowledged of it."""

from typing import Final

from streamapp.metrics.families import WAITS, Part

PART: Final = Part()
#: Stands for the model of a request that names none that is served, or several; and for paths without a route.
OTHER: Final = "other"

REQUESTS: Final = PART.tally(
    "streamapp_requests_total",
    "Requests that were answered, by route and status. `model`: the served model that predictions were asked of, "
    "`other` where there is none, or each line names its own; empty for routes that predict nothing. The route "
    "`unread` has what was refused before it was a request. Status 499: the caller hung up before its answer.",
    "route",
    "model",
    "status",
)
SECONDS: Final = PART.weighted(
    "streamapp_request_seconds",
    "From when a request's head was read to the end of its answer; the wait for a prediction is in it.",
    WAITS,
    "route",
)
IN_PROGRESS: Final = PART.gauge("streamapp_requests_in_progress", "Requests that are not answered yet.")
ACCEPTED_RECORDS: Final = PART.tally(
    "streamapp_accepted_records_total", "Records that the broker acknowledged.", "model"
)
ACCEPTED_ROWS: Final = PART.tally(
    "streamapp_accepted_rows_total", "Rows of the records that it acknowledged.", "model"
)
RATE_LIMITED: Final = PART.counter(
    "streamapp_rate_limited_total", "Times that a caller had sent all that its rate limit lets through."
)

#: Read when a page is asked for; see `api.routes.metrics`.
LAG_RECORDS: Final = PART.collected(
    "gauge",
    "streamapp_edge_lag_records",
    "Records of an input topic that wait for the workers, as the edge sees it every second; above "
    "`STREAMAPP_MAX_LAG` it takes no more. Missing while that is not known.",
    "topic",
)


def answered(route: str, model: str, status: int, seconds: float) -> None:
    """Count a request.

    Args:
        route: Template of its route.
        model: Alias of a served model, or what `streamapp_requests_total` has instead.
        status: HTTP status of the answer.
        seconds: What it took.
    """
    REQUESTS.add(route, model, status)
    SECONDS.add(route, seconds)


def unread(status: int) -> None:
    """Count what was refused before it was a request."""
    REQUESTS.add("unread", "", status)


def accepted(model: str, records: int, rows: int) -> None:
    """Count records for a model that were acknowledged."""
    ACCEPTED_RECORDS.add(model, count=records)
    ACCEPTED_ROWS.add(model, count=rows)
