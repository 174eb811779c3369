"""Asks MLflow over HTTP which models are registered: importing MLflow to ask would take seconds."""

from collections.abc import Iterable

import httpx

from streamapp.contracts.errors import RegistryUnavailable


async def missing(uri: str, names: Iterable[str]) -> list[str]:
    """Return the names that have no version in the registry.

    Args:
        uri: MLflow server.
        names: Registered names.

    Raises:
        RegistryUnavailable: It does not answer, or answers with an error.
    """
    async with httpx.AsyncClient(base_url=uri, timeout=30.0, trust_env=False) as client:
        return [name for name in names if not await _has_version(client, name)]


async def _has_version(client: httpx.AsyncClient, name: str) -> bool:
    try:
        response = await client.get("/api/2.0/mlflow/registered-models/get", params={"name": name})
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        response.raise_for_status()
    except httpx.HTTPError as exc:
        raise RegistryUnavailable(f"MLflow does not say whether {name} is registered: {exc}") from exc
    return bool(response.json()["registered_model"].get("latest_versions"))
