"""A scoring worker whose decoding thread hangs for as long as the file named by `HANG` exists.

When it is there, it makes the file `HANG.reached`.
"""

import os
import time
from pathlib import Path
from typing import Any

from streamapp.agents import scoring
from streamapp.app import main

group = scoring.group


def hang(*args: Any) -> Any:
    file = Path(os.environ["HANG"])
    file.with_suffix(".reached").touch()
    while file.exists():
        time.sleep(0.05)
    return group(*args)


if __name__ == "__main__":
    scoring.group = hang  # type: ignore[assignment]
    main()
