"""What a section of the benchmark gets, and what it gives back."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from benchmarks.targets import Measured
from streamapp.embedded.processes import Processes

Broker = Literal["embedded", "kafka"]
#: The broker that targets are measured on where a section has several: it has transactions.
TARGETED: Final[Broker] = "kafka"


class Bench(NamedTuple):
    """What all sections share.

    Attributes:
        processes: Starts children, and ends them with the run.
        folder: Scratch folder of the run.
        registry: URL of an MLflow server that has the trained models.
        brokers: Addresses of the running brokers by kind.
        peers: The Python of a peer's own virtual environment, by the peer's name.
        rounds: How often each thing is measured, in turns.
        quick: Whether the run must be short: fewer records, fewer peers, fewer rates.
        say: Tells a person what is going on.
        kept: Folder for what the next run can use again, e.g. models.
    """

    processes: Processes
    folder: Path
    registry: str
    brokers: dict[Broker, str]
    peers: Callable[[str], Awaitable[Path]]
    rounds: int
    quick: bool
    say: Callable[[str], None]
    kept: Path = Path("var/bench")

    @property
    def measured(self) -> dict[Broker, str]:
        """The brokers that a section of all of them measures: a quick run has only the one with the targets."""
        return {kind: address for kind, address in self.brokers.items() if kind == TARGETED or not self.quick}

    def rounds_on(self, broker: Broker) -> int:
        """Return how often a section measures on a broker: once where no target is."""
        return self.rounds if broker == TARGETED else 1


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One thing measured, as the tables and plots have it.

    Attributes:
        what: Who or what was measured, e.g. `FastStream`.
        under: The workload, e.g. `13 columns, one row, 100,000 records, kafka`.
        unit: E.g. `records/s`, `ms p99`, `CPU s/million`, `MiB`.
        values: One of each round.
    """

    what: str
    under: str
    unit: str
    values: Sequence[float]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """What a section found.

    Attributes:
        title: Its heading in the report.
        method: How it was measured, in a few sentences that a reader can check.
        measured: Its targets.
        figures: All that was measured.
    """

    title: str
    method: str
    measured: Sequence[Measured] = ()
    figures: Sequence[Figure] = ()


#: A section's module has one such function, called `measure`.
Measure = Callable[[Bench], Awaitable[Section]]
