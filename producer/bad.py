"""Bad requests, for the ways that they take: a 4xx at the edge, a dead letter in the worker."""

from random import Random
from typing import Final

from producer.messages import Call, Record, Route, Rows, request


def wrong_type(model: str, rows: Rows) -> tuple[str, Rows]:
    """Give a text where a number belongs."""
    number = next(name for name, value in rows[0].items() if isinstance(value, float))
    return model, [rows[0] | {number: "seven"}, *rows[1:]]


def unknown_field(model: str, rows: Rows) -> tuple[str, Rows]:
    """Misspell a field."""
    return model, [rows[0] | {"Slep_Hours": 7.0}, *rows[1:]]


def unknown_model(model: str, rows: Rows) -> tuple[str, Rows]:
    """Ask for a model that nobody serves."""
    return f"no_such_{model}", rows


#: Faults that a request may have on either route.
FAULTS: Final = (wrong_type, unknown_field, unknown_model)
#: Records that are no request at all. The edge lets none of them through, so they go straight to the topic.
RECORDS: Final = (b'{"payload": ', None, b"[]")


def bad_request(rng: Random, route: Route, model: str, rows: Rows) -> Call | Record:
    """Return a bad request, every kind as likely as any other."""
    n = rng.randrange(len(FAULTS) + len(RECORDS))
    return request(route, *FAULTS[n](model, rows)) if n < len(FAULTS) else Record(RECORDS[n - len(FAULTS)])
