"""What is told of one kind of problem."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Text(NamedTuple):
    """A kind of problem, in Markdown that has no marks but `code`.

    Attributes:
        means: What has happened.
        why: Where it comes from.
        remedy: What to do.
        detail: `detail` of an example.
        instance: Path of the request in the example.
        more: Further fields of the example: `pointer`, `id`, `location`, `checks`.
    """

    means: str
    why: str
    remedy: str
    detail: str
    instance: str = "/predict_stream"
    more: Mapping[str, Any] = MappingProxyType({})
