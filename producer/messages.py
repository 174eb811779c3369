"""What the producer sends, and where it goes."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from streamapp.contracts.codec import encode, encode_request

#: Rows as a request carries them; a bad one may hold anything.
Rows = list[dict[str, Any]]


class Route(StrEnum):
    """How requests reach the worker."""

    HTTP = "http"
    TOPIC = "topic"


class Call(Struct, frozen=True):
    """A request over HTTP.

    Attributes:
        model: Alias in the query.
        body: JSON text.
    """

    model: str
    body: bytes


class Record(Struct, frozen=True):
    """A record put straight on an input topic.

    Attributes:
        value: Its bytes; None is a null record.
        model: Alias of the model whose topic it goes to; without one it goes to the shared input topic.
    """

    value: bytes | None
    model: str = ""


def request(route: Route, model: str, rows: Rows) -> Call | Record:
    """Return rows as a request on the given route."""
    if route is Route.HTTP:
        return Call(model, encode({"data": rows}))
    return Record(encode_request(encode(rows), None, model), model)
