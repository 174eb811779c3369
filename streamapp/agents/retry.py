"""When a version that was refused is tried again: what it lacked may be there by then."""

from typing import Final

from streamapp.contracts.errors import RegistryUnavailable, StreamappError, UntrustedModel

#: Seconds. Its files are fetched anew each time.
RETRY: Final = 60.0
#: Where its files did not come.
_FILES: Final = 10.0
#: Where nobody has vouched for it: that costs a look at a folder, and whoever does so now waits for it to be served.
_TRUST: Final = 2.0


def retry_after(exc: StreamappError) -> float:
    """Return the seconds until a version that was refused for this is tried again."""
    if isinstance(exc, UntrustedModel):
        return _TRUST
    return _FILES if isinstance(exc, RegistryUnavailable) else RETRY
