"""`python -m api`: the edge, with the settings of the environment."""

import sys

from api.server import serve
from streamapp.contracts.errors import StreamappError
from streamapp.contracts.settings import load_settings


def main() -> None:
    """Serve until a signal ends it; exit with 1 and one line where that is not possible."""
    try:
        serve(load_settings())
    except StreamappError as exc:
        sys.exit(f"api: {exc}")


if __name__ == "__main__":
    main()
