"""What a scoring worker counts: a batch at a time, and a call of a model at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Final, NamedTuple

import prometheus_client as prometheus

from streamapp.contracts.errors import Code
from streamapp.metrics.families import SIZES, STEPS, WAITS, Part

PART: Final = Part()
#: Stands for the model of a record that names none that is served.
OTHER: Final = "other"

RECORDS: Final = PART.counter(
    "streamapp_records_total",
    "Records whose outcome was acknowledged: `predicted`, or `dead` for a dead letter.",
    "model",
    "result",
)
ROWS: Final = PART.counter(
    "streamapp_rows_total",
    "Rows that the calls of a model answered for; those of a batch that is scored again count again.",
    "model",
)
BATCHES: Final = PART.counter(
    "streamapp_batches_total", "Batches that had records for a model and were acknowledged.", "model"
)
BATCH_RECORDS: Final = PART.histogram(
    "streamapp_batch_records", "Records of a batch: what one partition had ready at a time.", SIZES
)
STAGE_SECONDS: Final = PART.histogram(
    "streamapp_stage_seconds",
    "Time of a batch in a stage. `decode`: its requests are read and sorted by model. `queue`: those for a model "
    "wait for the call under way. `predict`: the call, from rows to encoded predictions. `order`: the batch waits "
    "for the one in front of it on its partition. `produce`: the outcome is written and acknowledged. A batch with "
    "records for several models has a `queue` and a `predict` for each.",
    STEPS,
    "stage",
)
END_TO_END_SECONDS: Final = PART.weighted(
    "streamapp_end_to_end_seconds",
    "From the time that a record carries until its prediction was acknowledged; each record counts once. A record "
    "without a time is left out.",
    WAITS,
    "model",
)
DEAD_LETTERS: Final = PART.counter("streamapp_dead_letters_total", "Dead letters that were acknowledged.", "code")
TRANSACTIONS: Final = PART.counter(
    "streamapp_transactions_total",
    "Transactions: `committed`, or `aborted` where one failed or was given up, or its end is not known. None without "
    "`exactly_once`.",
    "result",
)
LAST_PROGRESS: Final = PART.gauge(
    "streamapp_last_progress_timestamp_seconds",
    "When a batch was acknowledged last, in seconds since 1970; before the first one, when the worker started.",
)
MODEL_SWAPS: Final = PART.counter(
    "streamapp_model_swaps_total", "Versions that took over from another while the worker ran.", "alias"
)
MODEL_REFUSALS: Final = PART.counter(
    "streamapp_model_refusals_total", "Times that a version was refused anew, or for a new reason.", "alias"
)

#: Read when a page is asked for; see `agents.page`.
LAG_RECORDS: Final = PART.collected(
    "gauge",
    "streamapp_lag_records",
    "Records of a partition of this worker's that have no outcome yet, as far as the last fetch told its end.",
    "topic",
    "partition",
)
PARTITION_STANDING: Final = PART.collected(
    "gauge",
    "streamapp_partition_standing_seconds",
    "For how long records of a partition of this worker's have waited while none of it was finished, as `/livez` has "
    "it; 0 while it goes on. Missing while the broker is away.",
    "topic",
    "partition",
)
MODEL_INFO: Final = PART.collected(
    "gauge",
    "streamapp_model_info",
    "1 for each version that is served. `way`: how it is computed, where that is quicker than its library's.",
    "alias",
    "registered_name",
    "version",
    "flavor",
    "way",
)
MODEL_REFUSED: Final = PART.collected(
    "gauge",
    "streamapp_model_refused",
    "1 while a version is wanted and refused, else 0; `streamapp models` says which, and why.",
    "alias",
)
MODEL_ROWS: Final = PART.collected(
    "counter",
    "streamapp_model_rows_total",
    "Rows predicted by a version that is served.",
    "alias",
    "registered_name",
    "version",
)
MODEL_PREDICT_SECONDS: Final = PART.collected(
    "summary",
    "streamapp_model_predict_seconds",
    "Calls of the model itself, of a version that is served: their number, and their time together.",
    "alias",
    "registered_name",
    "version",
)
DECODE: Final = STAGE_SECONDS.labels("decode")
_QUEUE: Final = STAGE_SECONDS.labels("queue")
_PREDICT: Final = STAGE_SECONDS.labels("predict")
ORDER: Final = STAGE_SECONDS.labels("order")
PRODUCE: Final = STAGE_SECONDS.labels("produce")
_COMMITTED: Final = TRANSACTIONS.labels("committed")
_ABORTED: Final = TRANSACTIONS.labels("aborted")
LAST_PROGRESS.set_to_current_time()


class _Of(NamedTuple):
    """The counters of one model, so that their labels are looked up once."""

    batches: prometheus.Counter
    predicted: prometheus.Counter
    dead: prometheus.Counter
    rows: prometheus.Counter


@cache
def _of(model: str) -> _Of:
    """Return the counters of a model."""
    records = RECORDS.labels(model, "predicted"), RECORDS.labels(model, "dead")
    return _Of(BATCHES.labels(model), *records, ROWS.labels(model))


# Prometheus counts increases from a series' first sample on: one that is not there before it is first counted loses
# that count.
_of(OTHER)
for _code in Code:
    DEAD_LETTERS.labels(_code)


def serves(model: str) -> None:
    """Have the series of a model that is about to be served, before there is anything to count.

    Args:
        model: Its alias.
    """
    _of(model)
    MODEL_SWAPS.labels(model)
    MODEL_REFUSALS.labels(model)


def called(model: str, waited: Sequence[float], seconds: float, rows: int) -> None:
    """Count a call of a model.

    Args:
        model: Its alias.
        waited: Seconds that the requests of each batch waited for it.
        seconds: Seconds that it took.
        rows: Rows that it answered for.
    """
    for each in waited:
        _QUEUE.observe(each)
        _PREDICT.observe(seconds)
    _of(model).rows.inc(rows)


def predicted(model: str, timestamps: Iterable[int], refused: int, now: float) -> None:
    """Count what became of the records that a batch had for a model, once that is acknowledged.

    Args:
        model: Its alias.
        timestamps: The time that the record of each prediction carries, in ms since 1970; -1 where it has none.
        refused: How many records are dead letters instead.
        now: Seconds since 1970.
    """
    times, of = Counter(timestamps), _of(model)
    of.batches.inc()
    of.predicted.inc(times.total())
    of.dead.inc(refused)
    END_TO_END_SECONDS.observe(
        model, [(max(0.0, now - time / 1000), count) for time, count in times.items() if time >= 0]
    )


def acknowledged(records: int, asked: int, dead: Iterable[str], now: float) -> None:
    """Count a batch that is acknowledged.

    Args:
        records: How many records it had.
        asked: How many of them a model was asked for; the others are dead letters.
        dead: The code of each dead letter.
        now: Seconds since 1970.
    """
    BATCH_RECORDS.observe(records)
    if records > asked:
        _of(OTHER).dead.inc(records - asked)
    for code, count in Counter(dead).items():
        DEAD_LETTERS.labels(code).inc(count)
    LAST_PROGRESS.set(now)


@contextmanager
def transaction() -> Iterator[None]:
    """Count a transaction, which the block begins and commits."""
    try:
        yield
    except BaseException:
        _ABORTED.inc()
        raise
    _COMMITTED.inc()
