"""What can go wrong with the broker here, by name."""

import contextlib
from collections.abc import Iterator

from aiokafka.errors import KafkaError

from streamapp.contracts.errors import BrokerUnavailable, ServiceError, StreamappError
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


@contextlib.contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turn what aiokafka and the clock raise into an error that names the broker.

    Raises:
        BrokerUnavailable: The broker does not answer, or refused.
    """
    try:
        yield
    except TimeoutError as exc:
        raise BrokerUnavailable(f"The broker at {settings.broker} (STREAMAPP_BROKER) does not answer.") from exc
    except (KafkaError, OSError) as exc:
        raise BrokerUnavailable(f"The broker at {settings.broker} (STREAMAPP_BROKER) failed: {exc}") from exc
