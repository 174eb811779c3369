"""`python -m producer`."""

import sys

from producer.cli import app
from streamapp.contracts.errors import StreamappError

if __name__ == "__main__":
    try:
        app(prog_name="python -m producer")
    except StreamappError as exc:
        sys.exit(f"producer: {exc}")
