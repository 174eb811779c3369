"""Whether a broker's address lets us in, and if not, why: name, port, TLS, certificate or password."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault
from streamapp.doctor.reach import why

_ROLE: Final = "doctor"
_REFUSALS: Final = (
    AuthenticationFailedError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    IllegalSaslStateError,
)
#: Versions of requests by their number, lowest and highest.
Versions = Mapping[int, tuple[int, int]]


class Closed(NamedTuple):
    """An address that does not let us in.

    Attributes:
        fault: What kind of thing is wrong.
        what: What is wrong, for a person.
        mend: What to do.
    """

    fault: Fault
    what: str
    mend: str


async def knock(settings: Settings, server: str, patience: float) -> Versions | Closed:
    """Connect as our clients do, and ask what the broker can do; where that fails, find out why.

    Args:
        settings: The settings in force.
        server: `host:port`.
        patience: Seconds that each attempt may take.
    """
    try:
        return await _versions(settings, server, patience)
    except ssl.SSLCertVerificationError as exc:
        return _untrusted(exc)
    except _REFUSALS as exc:
        return _refused(settings, exc)
    except (socket.gaierror, ConnectionRefusedError) as exc:
        return _nobody(server, exc)
    except (KafkaError, OSError, TimeoutError) as exc:
        return await _misunderstood(settings, server, patience) or _nobody(server, exc)


async def _versions(settings: Settings, server: str, patience: float) -> Versions:
    options = kafka.connection(settings, _ROLE)
    del options["bootstrap_servers"]
    return await _asked(server, patience, options)


async def _asked(server: str, patience: float, options: dict[str, Any]) -> Versions:
    host, _, port = server.rpartition(":")
    async with asyncio.timeout(patience):
        connection = await create_conn(host.strip("[]"), int(port), **options)
    versions: Versions = connection._versions  # noqa: SLF001  # it has just asked for them
    connection.close()
    return versions


async def _misunderstood(settings: Settings, server: str, patience: float) -> Closed | None:
    """Say whether one side speaks TLS and the other does not; None where it is not that."""
    if settings.uses_ssl:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await _asked(server, patience, {"security_protocol": "PLAINTEXT"})
            return Closed(
                Fault.BROKER_TLS,
                f"It speaks no TLS, and STREAMAPP_SECURITY_PROTOCOL is {settings.security_protocol}.",
                "Set STREAMAPP_SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT, or take the broker's port for TLS.",
            )
    elif await speaks_tls(server, patience):
        return Closed(
            Fault.BROKER_TLS,
            f"It speaks TLS, and STREAMAPP_SECURITY_PROTOCOL is {settings.security_protocol}.",
            "Set STREAMAPP_SECURITY_PROTOCOL to SSL or SASL_SSL, or take the broker's port without TLS.",
        )
    return None


async def speaks_tls(server: str, patience: float) -> bool:
    """Say whether a server answers a TLS handshake; whoever it is, nothing is said to it."""
    host, _, port = server.rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    except (OSError, TimeoutError) as exc:
        # It asks for a certificate of ours before it goes on: that is TLS, too.
        return isinstance(exc, ssl.SSLError) and "ALERT" in str(exc)
    writer.close()
    return True


async def answers_plainly(server: str, patience: float) -> bool:
    """Say whether a server answers Redis's PING without TLS, be it with an error."""
    host, _, port = server.rpartition(":")
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            with contextlib.closing(writer):
                writer.write(b"PING\r\n")
                return await reader.read(1) in {b"+", b"-"}
    except (OSError, TimeoutError):
        return False


def _untrusted(exc: ssl.SSLCertVerificationError) -> Closed:
    return Closed(
        Fault.BROKER_UNTRUSTED,
        f"Its certificate is not trusted: {exc.verify_message}.",
        "Name the file of the authority that made it in STREAMAPP_SSL_CA_FILE; where the certificate is for another "
        "name, reach the broker by that one.",
    )


def _refused(settings: Settings, exc: Exception) -> Closed:
    return Closed(
        Fault.BROKER_REFUSES,
        f"It does not let in {settings.sasl_username or 'us'} by {settings.sasl_mechanism}: {exc}",
        "Correct STREAMAPP_SASL_USERNAME, STREAMAPP_SASL_PASSWORD or STREAMAPP_SASL_MECHANISM, or add the user at "
        "the broker.",
    )


def _nobody(server: str, exc: BaseException) -> Closed:
    host, _, port = server.rpartition(":")
    return Closed(
        Fault.BROKER_UNREACHABLE,
        why(host, port, exc),
        "Start it (docker compose up --wait; streamapp demo has one of its own), or correct STREAMAPP_BROKER. Where "
        "it runs, see its log.",
    )
