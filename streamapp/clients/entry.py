"""Whether the broker lets us in: aiokafka's clients say the same of one that does not and of one that is away."""

import asyncio
import ssl
from typing import Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings

_REFUSALS: Final = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    ssl.SSLCertVerificationError,
)


async def require_entry(settings: Settings, options: dict[str, object], patience: float = 5.0) -> None:
    """Knock once, after a client could not connect, to learn whether it is for a password or a certificate.

    Args:
        settings: The settings in force.
        options: What aiokafka's clients take, as `clients.kafka.connection` makes it.
        patience: Seconds to wait for answers, of all brokers together: each has an equal share.

    Raises:
        BrokerUnavailable: A broker refuses the user or its password, or has a certificate that is not trusted.
    """
    if not (settings.uses_sasl or settings.uses_ssl):
        return
    options = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    share = patience / len(settings.bootstrap_servers)
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(share):
                (await create_conn(host, int(port), **options)).close()
        except _REFUSALS as exc:
            raise BrokerUnavailable(
                f"The broker at {server} (STREAMAPP_BROKER) does not let us in, or is not to be trusted "
                f"(STREAMAPP_SASL_*, STREAMAPP_SSL_*): {exc}"
            ) from None
        except (KafkaError, OSError, TimeoutError):
            continue
