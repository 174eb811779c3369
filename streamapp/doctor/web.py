"""One request over HTTP, and what it came to."""

import os
from typing import Any

import httpx

from streamapp.contracts.urls import split
from streamapp.doctor.reach import why


async def get(url: str, patience: float, *, verify: str | bool = True) -> httpx.Response:
    """Return the answer to a GET, whatever its status.

    Raises:
        httpx.HTTPError: There is none.
    """
    async with httpx.AsyncClient(timeout=patience, verify=verify) as client:
        return await client.get(url)


def fields(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; none where it is no object."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def mlflow_trust() -> str | bool:
    """Return what MLflow's client trusts servers by: a file of authorities, or whether those of the system."""
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"1", "true"}:
        return False
    return os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True


def nobody(url: str, exc: httpx.HTTPError) -> str:
    """Say why there was no answer, in a sentence without the URL's password."""
    address = split(url)
    said = why(address.hostname, address.port or (443 if address.scheme == "https" else 80), exc)
    return said.replace(address.password, "****") if address.password else said
