"""The query of a request."""

from functools import lru_cache

from fastapi import Request
from starlette.datastructures import QueryParams

from api.errors import EdgeCode, Refusal


def query_of(request: Request) -> QueryParams:
    """Return the query of a request; callers send few different ones, and parsing one takes longer than a row.

    Raises:
        Refusal: It names an address for a model, as MLflow's tools take them. A model has an alias here.
    """
    return _parsed(request.scope["query_string"])


@lru_cache(maxsize=64)
def _parsed(query: bytes) -> QueryParams:
    parsed = QueryParams(query)
    if ":/" in parsed.get("model", ""):
        raise Refusal(EdgeCode.INVALID_PARAMETER, "`model` is an alias and no address; GET /models lists them.")
    return parsed
