"""`python -m chaos.far`: a scoring worker on a network of its own: the proxy knows it by the role `far`."""

from typing import Any, Final

from streamapp.contracts import settings

ROLE: Final = "far"


def main() -> None:
    """Run the worker. Does not return."""
    changed: Any = settings
    changed.client_id = lambda role: f"streamapp-{ROLE}-{role}"
    # Only now: those who name clients take the function along when they are imported.
    from streamapp.app import main as worker

    worker()


if __name__ == "__main__":
    main()
