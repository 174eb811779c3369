"""What the calls of a model came to: rows, calls, and how long the latest took."""

from collections import deque
from typing import Final

import numpy as np

#: Calls that the percentiles are of.
LATEST: Final = 1000


class Stats:
    """Counts the calls of one model. Added to from one thread; read from any.

    Attributes:
        rows: Rows that were predicted.
        calls: Calls that answered.
        seconds: What they took together.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.calls = 0
        self.seconds = 0.0
        self._latest: deque[float] = deque(maxlen=LATEST)

    def add(self, rows: int, seconds: float) -> None:
        """Count one call."""
        self.rows += rows
        self.calls += 1
        self.seconds += seconds
        self._latest.append(seconds)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the seconds that the latest calls took; 0 before the first."""
        latest = self._latest.copy()
        return float(np.percentile(latest, percent)) if latest else 0.0
