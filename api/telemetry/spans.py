"""The span of a request that asks for predictions, kept with the request while it is answered."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.types import Scope

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from streamapp.tracing.otlp import Tracer

#: Where a request keeps its span; there where it is sampled.
_SPAN: Final = "streamapp.span"


class Spanned(NamedTuple):
    """A span, and what made it."""

    span: "Span"
    tracer: "Tracer"


def keep(scope: Scope, spanned: Spanned) -> None:
    """Keep the span of a request."""
    scope[_SPAN] = spanned


def of(scope: Scope) -> Spanned | None:
    """Return the span of a request; None where it has none."""
    spanned: Spanned | None = scope.get(_SPAN)
    return spanned


def end(scope: Scope, route: str, model: str, status: int) -> None:
    """End the span of a request, where it has one.

    Args:
        scope: The request.
        route: Template of its route.
        model: Alias of the model that it asked.
        status: HTTP status of the answer.
    """
    if (spanned := of(scope)) is not None:
        span, tracer = spanned
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status, "streamapp.model": model})
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            tracer.fail(span)
        span.end()
