"""`python -m benchmarks.unmetered worker|edge`: a part of ours that counts nothing; `metering` says what for."""

import contextlib
import sys
from collections.abc import Callable
from typing import Any, Final, Self

from prometheus_client import Counter, Gauge, Histogram


def main() -> None:
    """Take the counting away, and run the part."""
    for kind, names in ((Counter, ["inc"]), (Gauge, ["inc", "dec", "set"]), (Histogram, ["observe"])):
        for name in names:
            setattr(kind, name, nothing)
    PARTS[sys.argv.pop(1)]()


def nothing(*_: Any, **__: Any) -> None:
    """Count nothing."""


def _worker() -> None:
    from streamapp.agents import scoring
    from streamapp.app import main
    from streamapp.metrics import worker

    scoring._count = nothing
    worker.called = nothing
    worker.transaction = contextlib.nullcontext
    main()


def _edge() -> None:
    from api.cli import app
    from api.http import routing
    from streamapp.metrics import edge

    class Unwatched:
        status = 0

        def __init__(self, *_: Any, **__: Any) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def noting(self, send: Any) -> Any:
            return send

    routing.Watched = Unwatched
    edge.accepted = edge.answered = nothing
    app()


PARTS: Final[dict[str, Callable[[], None]]] = {"worker": _worker, "edge": _edge}

if __name__ == "__main__":
    main()
