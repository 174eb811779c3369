"""A scoring worker whose decoding thread hangs for as long as the file named by `HANG` exists."""

import os
import time
from pathlib import Path
from typing import Any

from streamapp.agents import scoring
from streamapp.app import main

group = scoring.group


def hang(*args: Any) -> Any:
    while Path(os.environ["HANG"]).exists():
        time.sleep(0.05)
    return group(*args)


if __name__ == "__main__":
    scoring.group = hang  # type: ignore[assignment]
    main()
