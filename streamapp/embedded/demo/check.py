"""The summary of a run, and whether its counts add up. Pure."""

from msgspec import Struct

from streamapp.contracts.errors import StreamappError


class CheckFailed(StreamappError):
    """The counts of a run do not add up; the message says which."""


class Summary(Struct, frozen=True):
    """What a run of the demo came to.

    Attributes:
        sent: Records accepted: those of the input topics.
        rejected: Requests of the producer that the edge answered with a 4xx.
        predictions: Records of the predictions topic.
        dead_letters: Records of the dead-letter topic.
        mirrored: Predictions in the Redis Stream.
        csv_rows: Predictions in the CSV.
        rows_per_second: Rows predicted a second, between the first prediction and the last.
        p50_ms: Median of the milliseconds from acceptance until the prediction can be read, of the requests
            accepted since the first prediction; None without any.
        p99_ms: Their 99th percentile.
        first_prediction_s: Seconds from the start of the demo to the first prediction; None without any.
    """

    sent: int
    rejected: int
    predictions: int
    dead_letters: int
    mirrored: int
    csv_rows: int
    rows_per_second: float
    p50_ms: int | None
    p99_ms: int | None
    first_prediction_s: float | None


class ProducerSummary(Struct, frozen=True):
    """What the producer says it did.

    Attributes:
        sent: Records accepted: answered 202, or acknowledged by the broker.
        rejected: Requests answered with a 4xx.
        failed: Records that were neither: no answer, or a 5xx.
    """

    sent: int
    rejected: int
    failed: int = 0


def differences(summary: Summary, produced: int) -> list[str]:
    """Return one sentence for each count that does not add up; an empty list: the run passed.

    Args:
        summary: The counts.
        produced: Records that the producer knows to be accepted. Other clients may have sent more.
    """
    outcomes = summary.predictions + summary.dead_letters
    stores = {"Redis mirror": summary.mirrored, "CSV": summary.csv_rows}
    found = []
    if summary.sent < produced:
        found.append(
            f"The producer had {produced} records accepted, but only {summary.sent} are on the input topics."
        )
    if outcomes != summary.sent:
        found.append(
            f"{summary.sent} records were sent, but {outcomes} have an outcome: "
            f"{summary.predictions} predictions and {summary.dead_letters} dead letters."
        )
    found += [
        f"There are {summary.predictions} predictions, but {count} in the {name}."
        for name, count in stores.items()
        if count != summary.predictions
    ]
    if not summary.predictions:
        found.append("Nothing was predicted.")
    return found
