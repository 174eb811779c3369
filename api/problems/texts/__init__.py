"""What a person is told of each kind of problem.

From it come the page of the kind, its section in `docs/problems.md`, and its example in OpenAPI.
"""

from collections.abc import Mapping
from typing import Final

from api.problems.texts import callers, requests, rows, services
from api.problems.texts.text import Text

#: One text for each code of `kinds.KINDS`.
TEXTS: Final[Mapping[str, Text]] = {
    **rows.TEXTS,
    **requests.TEXTS,
    **callers.TEXTS,
    **callers.TEXTS,
    **services.TEXTS,
}
