"""A scoring worker whose scoring thread hangs for as long as the file named by `HANG` exists."""

import os
import time
from pathlib import Path
from typing import Any

from streamapp.app import main
from streamapp.scoring.score import Scorer

score = Scorer.score


def hang(self: Scorer, records: Any) -> Any:
    while Path(os.environ["HANG"]).exists():
        time.sleep(0.05)
    return score(self, records)


if __name__ == "__main__":
    Scorer.score = hang  # type: ignore[method-assign]
    main()
