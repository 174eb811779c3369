"""One request over HTTP, and what it came to."""

import os
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx

from streamapp.contracts.urls import split
from streamapp.doctor.reach import why

#: Where MLflow's client, and requests below it, look for authorities.
_AUTHORITIES: Final = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


async def get(url: str, patience: float, *, direct: bool = False) -> httpx.Response:
    """Return the answer of a part of ours to a GET, whatever its status.

    Args:
        url: What is asked for.
        patience: Seconds that the answer may take.
        direct: It is on this machine: no proxy is asked. Nor is one for loopback, which a proxy takes for its own.

    Raises:
        httpx.HTTPError: There is none.
    """
    through_proxy = not (direct or _is_loopback(split(url).hostname or ""))
    async with httpx.AsyncClient(timeout=patience, trust_env=through_proxy) as client:
        return await client.get(url)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def get_mlflow(url: str, patience: float) -> httpx.Response:
    """Return the answer of MLflow to a GET, asked as its client asks: its proxy, its credentials, its trust.

    Raises:
        httpx.HTTPError: There is none.
        OSError: The file of authorities cannot be used.
    """
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
    auth = (user, password) if user and password else None
    headers = {"Authorization": f"Bearer {token}"} if token and not auth else {}
    async with httpx.AsyncClient(
        timeout=patience, verify=_mlflow_trust(), auth=auth, headers=headers, follow_redirects=True
    ) as client:
        return await client.get(url)


def fields(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; none where it is no object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _mlflow_trust() -> ssl.SSLContext | bool:
    """Return what MLflow's client trusts servers by: a file or folder of authorities, or whether those of the system.

    Raises:
        OSError: There is no such file.
    """
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"1", "true"}:
        return False
    named = filter(None, map(os.environ.get, _AUTHORITIES))
    if (path := next(named, None)) is None:
        return True
    if Path(path).is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def nobody(url: str, exc: httpx.HTTPError) -> str:
    """Say why there was no answer, in a sentence without the URL's password."""
    address = split(url)
    said = why(address.hostname, address.port or (443 if address.scheme == "https" else 80), exc)
    return said.replace(address.password, "****") if address.password else said
