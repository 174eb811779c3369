"""Asks the edge which models are served."""

import httpx


async def served(edge: str) -> set[str]:
    """Return the aliases that an edge knows to be served; none where it does not answer.

    Args:
        edge: Its URL.
    """
    async with httpx.AsyncClient(base_url=edge, timeout=5.0, trust_env=False) as client:
        try:
            response = await client.get("/models")
        except httpx.HTTPError:
            return set()
    return {model["alias"] for model in response.json()["models"]} if response.is_success else set()
