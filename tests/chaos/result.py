"""The result of one fault, and the file that keeps those of a run."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct


class Result(Struct, frozen=True):
    """What came of one fault.

    Attributes:
        fault: Its number in docs/reliability.md.
        title: What was done.
        guarantee: Delivery guarantee of the workers.
        broker: `kafka` or `embedded`.
        seed: Seed of the run.
        records: Records that were sent.
        accepted: Those of which somebody was told that they are accepted.
        lost: Accepted records without an outcome.
        repeated: Outcomes beyond one a record, as read raw.
        healed_s: Seconds from healing until all that was on the input topic by then was committed; None where that
            was not reached in time.
        passed: Whether every oracle holds; None where the fault could not be made here.
        detail: What does not hold, or why it was not run.
    """

    fault: int
    title: str
    guarantee: str
    broker: str
    seed: int
    records: int = 0
    accepted: int = 0
    lost: int = 0
    repeated: int = 0
    healed_s: float | None = None
    passed: bool | None = None
    detail: str = ""


def save(results: Sequence[Result], path: Path) -> None:
    """Write results as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def load(path: Path) -> list[Result]:
    """Read results."""
    return msgspec.json.decode(path.read_bytes(), type=list[Result])
