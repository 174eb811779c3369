"""The worker's credentials at the broker, as Faust takes them."""

import faust
from faust.types.auth import CredentialsT

from streamapp.clients import sasl_log
from streamapp.contracts.settings import Settings


def credentials(settings: Settings) -> CredentialsT | None:
    """Return what Faust's clients show the broker, the same as `clients.kafka.connection`; None where nothing.

    Args:
        settings: The settings in force.
    """
    context = settings.kafka_identity.context() if settings.uses_ssl else None
    if settings.uses_sasl:
        sasl_log.install()
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.sasl_mechanism,
        )
    return None if context is None else faust.SSLCredentials(context)
