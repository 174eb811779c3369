"""Where the edge is."""

from typing import Final

import httpx
import typer

from streamapp.contracts.settings import Settings

#: Port of the older request system.
OLDER_PORT: Final = 5000
#: Addresses to listen on that are none to connect to.
_WILDCARDS: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing listens here


def base_url(settings: Settings) -> str:
    """Return the base URL of the edge that has these settings, on this machine where it listens on every address."""
    host = _WILDCARDS.get(settings.api_host, settings.api_host)
    return str(httpx.URL(scheme="http", host=host, port=settings.api_port))


def server(text: str) -> str:
    """Return the base URL of a server that was given as a host, as `host:port`, or as a URL.

    Raises:
        typer.BadParameter: It is none of these.
    """
    url = text if "://" in text else f"http://{text}"
    if not _is_of_a_server(url):
        raise typer.BadParameter(f"{text!r} is no host, host:port or URL of a server.")
    base = httpx.URL(url)
    return str(base if base.port or "://" in text else base.copy_with(port=OLDER_PORT)).rstrip("/")


def checked(url: str | None) -> str | None:
    """Return a URL that was given.

    Raises:
        typer.BadParameter: It is no URL of a server.
    """
    if url is not None and not _is_of_a_server(url):
        raise typer.BadParameter(f"{url!r} is no URL of a server, as http://localhost:8800 is one.")
    return url


def _is_of_a_server(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)
