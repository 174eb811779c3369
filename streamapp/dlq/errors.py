"""What can go wrong here, by name."""

from streamapp.contracts.errors import ServiceError, StreamappError
from streamapp.contracts.settings import Settings


class UnknownLetter(StreamappError):
    """No dead letter has the id."""


class NotRedriven(StreamappError):
    """A record that was asked for by its id was not put back."""


class AnotherRedrive(ServiceError):
    """Another run redrives: this one is refused, or ended by it."""


def another(settings: Settings, what: str) -> AnotherRedrive:
    """Return the error that says what another run does."""
    return AnotherRedrive(f"Another `streamapp dlq redrive` that marks on {settings.redriven_topic} {what}.")
