"""Why a server was not reached, in a sentence for a person."""

import socket
import ssl
from collections.abc import Iterator


def why(host: str | None, port: int | str | None, exc: BaseException) -> str:
    """Say why.

    Args:
        host: Name that was asked for.
        port: Port that was asked for.
        exc: What came of it, as a library raised it.
    """
    causes = list(_causes(exc))
    if any(isinstance(one, socket.gaierror) for one in causes):
        return f"No address is known for the name {host}."
    if refuses(exc):
        return f"Nothing listens on port {port} of {host}."
    if found := next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None):
        return f"Its certificate is not trusted: {found.verify_message}."
    if any(isinstance(one, TimeoutError) for one in causes) or "timeout" in type(exc).__name__.lower():
        return "It does not answer in time."
    return f"It breaks off: {(str(exc) or type(exc).__name__).rstrip('.')}."


def refuses(exc: BaseException) -> bool:
    """Say whether nobody listened."""
    return any(isinstance(one, ConnectionRefusedError) for one in _causes(exc))


def breaks_tls(exc: BaseException) -> bool:
    """Say whether what came instead of TLS was something else; that nothing more came says nothing."""
    others = (ssl.SSLCertVerificationError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    return any(isinstance(one, ssl.SSLError) and not isinstance(one, others) for one in _causes(exc))


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and those that led to it; libraries wrap them, and several attempts into a group."""
    seen: set[int] = set()
    left = [exc]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions
