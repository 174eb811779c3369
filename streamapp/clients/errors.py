"""What aiokafka raises, as an error of ours that names the broker."""

import contextlib
from collections.abc import Iterator

from aiokafka.errors import KafkaError

from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings


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
