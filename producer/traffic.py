"""The requests of a run: endless, pure, and the same for the same seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from random import Random
from types import MappingProxyType
from typing import Any, Final

from producer.bad import bad_request
from producer.employees import feature_rows
from producer.marketplace import item_rows
from producer.messages import Call, Record, Route, request

#: Aliases of the models that take the employees' features.
MODELS: Final = ("svm", "knn", "lightgbm")
#: Alias to the rows that its model takes, given a seed; a model that is not named takes employees.
_ROWS: Final[Mapping[str, Callable[[int], Iterator[dict[str, Any]]]]] = MappingProxyType({"marketplace": item_rows})


def traffic(
    *, models: Sequence[str] = MODELS, route: Route = Route.HTTP, rows: int = 1, bad_fraction: float = 0.0, seed: int
) -> Iterator[Call | Record]:
    """Yield requests without end.

    Args:
        models: Aliases, which take turns.
        route: How good requests are sent. Bad ones that are no request at all always go to the topic.
        rows: Rows a request.
        bad_fraction: Share of bad requests, 0 to 1.
        seed: Same seed, same requests.
    """
    rng = Random(seed)  # noqa: S311  # repeatable, not secret
    sources = {make: make(seed) for make in {_ROWS.get(model, feature_rows) for model in models}}
    for model in cycle(models):
        data = [dict(row) for row in islice(sources[_ROWS.get(model, feature_rows)], rows)]
        bad = rng.random() < bad_fraction
        yield bad_request(rng, route, model, data) if bad else request(route, model, data)
