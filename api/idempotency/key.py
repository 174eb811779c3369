"""The value of the header `Idempotency-Key`."""

import re
from collections.abc import Sequence
from typing import Final

from api.errors import EdgeCode, Refusal

_BARE: Final = r"[!#-\[\]-~]{1,255}"
#: A string as the draft has it (RFC 8941, without escapes), or without its quotes, as most clients send it.
PATTERN: Final = f'^(?:"{_BARE}"|{_BARE})$'
_KEY: Final = re.compile(f'"({_BARE})"|({_BARE})')


def parsed(values: Sequence[str]) -> str:
    """Return the key that a request came with; with and without quotes it is the same.

    Args:
        values: Values of the headers of this name.

    Raises:
        Refusal: They are several, or no key.
    """
    found = _KEY.fullmatch(values[0]) if len(values) == 1 else None
    if found is None:
        raise Refusal(
            EdgeCode.IDEMPOTENCY_KEY_INVALID,
            "`Idempotency-Key` is sent once, with 1 to 255 printable ASCII characters other than spaces, quotes and "
            "backslashes, such as a UUID.",
        )
    return found[1] or found[2]
