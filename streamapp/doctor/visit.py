"""What a check is, and what it is given to look with."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Final, NamedTuple

from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Said

#: Seconds that a check may take, unless it is said otherwise.
TIMEOUT: Final = 20.0
#: Seconds that one answer may take at most.
_PATIENCE: Final = 4.0
#: Answers that a check can wait for in its time, all of them late: it has to say then what did not answer.
_ANSWERS: Final = 6


class Visit(NamedTuple):
    """What there is to look at.

    Attributes:
        settings: The settings in force.
        edge: URL of the edge; None: nobody said where one runs, and the one on this machine is looked for.
        timeout: Seconds that each check may take.
        clock: Tells the time, in seconds since 1970.
    """

    settings: Settings
    edge: str | None = None
    timeout: float = TIMEOUT
    clock: Callable[[], float] = time.time

    @property
    def patience(self) -> float:
        """Seconds that one answer of a server may take."""
        return min(_PATIENCE, self.timeout / _ANSWERS)


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
