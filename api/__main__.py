"""`python -m api`."""

import sys

from api.cli import app
from streamapp.contracts.errors import StreamappError

if __name__ == "__main__":
    try:
        app(prog_name="python -m api")
    except StreamappError as exc:
        sys.exit(f"api: {exc}")
