"""URLs that may have a password in them, split only where that does not cut the password in two."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

#: Says nothing of the URL: what stands in the wrong place may be part of a password.
_NO_URL: Final = "is no URL; in a user or a password, write / as %2F, ? as %3F, # as %23 and @ as %40"


def split(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        ValueError: It is none, or an `@` stands behind the place for a user and a password: one of those has a `/`,
            `?` or `#` then, at which libraries would take it for over. The message has nothing of the URL.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # what is no number is found only now
    except ValueError:
        raise ValueError(_NO_URL) from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(_NO_URL)
    return parts
