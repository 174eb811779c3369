"""What a check is, and what it is given to look with."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Said


class Visit(NamedTuple):
    """What there is to look at.

    Attributes:
        settings: The settings in force.
        edge: URL of the edge; None: nobody said where one runs, and the one on this machine is looked for.
        patience: Seconds that one answer of a server may take.
        clock: Tells the time, in seconds since 1970.
    """

    settings: Settings
    edge: str | None = None
    patience: float = 4.0
    clock: Callable[[], float] = time.time


#: What a check sees, as it sees it.
Looks = AsyncGenerator[Said, None]


class Check(NamedTuple):
    """Looks at one subject.

    Attributes:
        name: The subject, as reports name it.
        look: Yields what it sees, as it sees it. What it raises is a fault of its own.
        needs: Names of checks without whose subjects it cannot look: where one of them has an error, it is skipped.
    """

    name: str
    look: Callable[[Visit], Looks]
    needs: tuple[str, ...] = ()
