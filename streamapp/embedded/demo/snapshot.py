"""One moment of the demo, as the view shows it. Pure."""

from collections.abc import Mapping

from msgspec import Struct


class Running(Struct, frozen=True):
    """A process of the demo.

    Attributes:
        name: Its short name.
        state: `starting`, `ready`, `done` or `stopped`.
    """

    name: str
    state: str


class Last(Struct, frozen=True):
    """The last prediction of one model.

    Attributes:
        model: Alias of the model.
        labels: What it predicted, in words where its card has them; one a row.
        latency_ms: Milliseconds from the request's acceptance until the prediction was read; None: it does not
            say when that was.
        id: Id of the request.
    """

    model: str
    labels: tuple[str, ...]
    latency_ms: int | None
    id: str


class Snapshot(Struct, frozen=True):
    """One moment.

    Attributes:
        phase: What the demo is doing.
        elapsed: Seconds since its start.
        note: What the training of the models says, while it runs.
        running: Its processes, in the order of their start.
        sent: Records accepted.
        predictions: Records predicted.
        dead_letters: Records refused by the worker, by code.
        rejected: Requests of the producer refused by the edge; None until it says.
        lag: Records that wait for their outcome.
        rows_per_second: Rows predicted a second, of late.
        p50_ms: Median of the milliseconds from acceptance to prediction.
        p99_ms: Their 99th percentile.
        last: The last prediction of each model.
    """

    phase: str
    elapsed: float
    note: str = ""
    running: tuple[Running, ...] = ()
    sent: int = 0
    predictions: int = 0
    dead_letters: Mapping[str, int] = {}
    rejected: int | None = None
    lag: int = 0
    rows_per_second: float = 0.0
    p50_ms: int | None = None
    p99_ms: int | None = None
    last: tuple[Last, ...] = ()
