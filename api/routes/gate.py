"""The gate in front of an endpoint: it is for callers that are admitted."""

from collections.abc import Awaitable, Callable
from functools import wraps

from fastapi import Request, Response

from api.edge import edge_of
from api.intake import tracing
from api.telemetry.requests import asks
from streamapp.contracts.keys import Scope

Endpoint = Callable[[Request], Awaitable[Response]]


def needs(scope: str) -> Callable[[Endpoint], Endpoint]:
    """Return a decorator for endpoints that need a scope, where keys are asked for, and are counted for rate limits.

    It stands below the route's own decorator and above all others, so that nothing is done for who is not admitted.

    Args:
        scope: One of `contracts.keys.Scope`.
    """
    needed = Scope(scope)

    def decorate(endpoint: Endpoint) -> Endpoint:
        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            edge = edge_of(request)
            if needed is Scope.PREDICT:
                asks(request)
            if edge.admission.needed:
                await edge.admission.admit(request, needed)
            if edge.tracer is not None and needed is Scope.PREDICT:
                tracing.begin(request, edge.tracer)
            return await endpoint(request)

        return guarded

    return decorate
