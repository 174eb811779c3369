"""`python -m streamapp.sinks`: the sinks worker with the settings of the environment."""

import sys

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import load_settings
from streamapp.sinks.worker import serve


def main() -> None:
    """Run until a signal; a wrong setting is told on standard error, with exit code 2."""
    try:
        serve(load_settings())
    except SettingsError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
