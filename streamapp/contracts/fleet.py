"""What the living workers together say of the models. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby

from msgspec import Struct

from streamapp.contracts.status import STALE_AFTER, Refused, Serving, WorkerStatus


class Served(Struct, frozen=True):
    """A version that workers serve, with what they have done with it together.

    Attributes:
        alias: Name that requests use.
        registered_name: Name in the MLflow registry.
        version: Version in the MLflow registry.
        run_id: MLflow run that made it.
        flavor: Runtime that serves it.
        since: When the first of them began to serve it, UTC, ISO 8601.
        workers: How many serve it.
        rows: Rows that they predicted.
        calls: Calls of its `predict` that answered.
        mean_batch: Rows a call; 0 before the first.
        p50_ms: Median time of the latest calls of the worker that made the most, in milliseconds; 0 before the first.
        p99_ms: 99th percentile of them.
    """

    alias: str
    registered_name: str
    version: str
    run_id: str
    flavor: str
    since: str
    workers: int
    rows: int
    calls: int
    mean_batch: float
    p50_ms: float
    p99_ms: float


class Fleet(Struct, frozen=True):
    """The workers that live.

    Attributes:
        workers: Their names.
        served: What they serve, by alias; where versions of one alias differ, as they do while an alias moves, the
            newest comes first.
        refused: What they refuse, by alias, each candidate and reason once.
    """

    workers: tuple[str, ...]
    served: tuple[Served, ...]
    refused: tuple[Refused, ...]


def fleet(statuses: Iterable[WorkerStatus], now: datetime | None = None) -> Fleet:
    """Return what the workers say together that have renewed their status of late.

    Args:
        statuses: The last status of each worker.
        now: What the time is, by the clock of who asks.
    """
    living = [status for status in statuses if is_alive(status, now or datetime.now(UTC))]
    serving = sorted((one for status in living for one in status.serving), key=_version)
    served = [_together(list(same)) for _, same in groupby(serving, key=_version)]
    return Fleet(
        tuple(sorted(status.worker for status in living)),
        tuple(sorted(sorted(served, key=_since, reverse=True), key=_alias)),
        tuple(_refused(living)),
    )


def is_alive(status: WorkerStatus, now: datetime) -> bool:
    """Say whether a status is recent: its worker renews it while it lives."""
    try:
        return now - datetime.fromisoformat(status.time) < timedelta(seconds=STALE_AFTER)
    except (TypeError, ValueError):  # no time, or none with a zone
        return False


def _together(same: list[Serving]) -> Served:
    busiest = max(same, key=lambda one: one.calls)
    rows, calls = sum(one.rows for one in same), sum(one.calls for one in same)
    return Served(
        alias=busiest.alias,
        registered_name=busiest.registered_name,
        version=busiest.version,
        run_id=busiest.run_id,
        flavor=busiest.flavor,
        since=min(one.since for one in same),
        workers=len(same),
        rows=rows,
        calls=calls,
        mean_batch=round(rows / calls, 1) if calls else 0.0,
        p50_ms=busiest.p50_ms,
        p99_ms=busiest.p99_ms,
    )


def _refused(living: Iterable[WorkerStatus]) -> Iterable[Refused]:
    first: dict[tuple[str, ...], Refused] = {}
    for one in sorted((one for status in living for one in status.refused), key=lambda one: one.since):
        first.setdefault((one.alias, one.registered_name, one.version, one.reason), one)
    return (first[key] for key in sorted(first))


def _version(one: Serving) -> tuple[str, str, str]:
    return one.alias, one.registered_name, one.version


def _alias(one: Served) -> str:
    return one.alias


def _since(one: Served) -> str:
    return one.since
