"""Where the page of a part listens."""

import errno
import socket
from typing import Final

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import variable

#: Stands for a port that is free.
_ANY: Final = 0


def listening(host: str, port: int, settings: str) -> socket.socket:
    """Return a socket that listens on a port of an address, on a free one where it is taken.

    Args:
        host: The address.
        port: The port that is wanted.
        settings: What the names of the two settings begin with, such as `sinks_web`.

    Raises:
        SettingsError: The address is none of this machine's, or the port is not for us.
    """
    try:
        return _listening(host, port)
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE or port == _ANY:
            raise SettingsError(
                f"No page can be served on {host}:{port} ({exc.strerror}): {variable(f'{settings}_host')} has to be "
                f"an address of this machine, {variable(f'{settings}_port')} a port that its user may listen on."
            ) from exc
    return listening(host, _ANY, settings)


def _listening(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def address(host: str, port: int) -> str:
    """Return host and port as URLs have them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
