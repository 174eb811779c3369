"""The API keys in force: those of a file, read again when it changes."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import ApiKey, decode_keys, find

#: Seconds between looks at the file: a key that is revoked is of no use after them.
_INTERVAL: Final = 1.0

log = logging.getLogger(__name__)


class Keys:
    """Knows the keys of a file.

    A file that is broken or gone, once the edge runs, is logged as an error and leaves the keys in force that were.
    It is tried again until it can be used.

    Args:
        path: The file; see `contracts.keys`.

    Raises:
        SettingsError: It cannot be read, or a line of it is no key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stamped()
        self._keys = self._read()
        self._is_read = True
        log.info("%d API keys are in force", len(self._keys))

    def find(self, token: str) -> ApiKey | None:
        """Return the key that was presented; None where it is not in force."""
        return find(self._keys, token)

    async def run(self) -> None:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(_INTERVAL)
            self._look()

    def _look(self) -> None:
        stamp = self._stamped()
        is_new, self._stamp = stamp != self._stamp, stamp
        # Who may read a file depends on more than the file: one that was refused may be had now, and looks the same.
        if not is_new and self._is_read:
            return
        try:
            self._keys, self._is_read = self._read(), True
        except SettingsError as exc:
            self._is_read = False
            if is_new:
                log.error("%s The keys from before stay in force.", exc)  # noqa: TRY400  # it says what is wrong
        else:
            log.info("%d API keys are in force", len(self._keys))

    def _stamped(self) -> tuple[int, ...] | None:
        """Return what changes with the file; None where there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size

    def _read(self) -> dict[str, ApiKey]:
        try:
            return decode_keys(self._path.read_bytes())
        except OSError as exc:
            raise SettingsError(
                f"STREAMAPP_API_KEYS_FILE: {self._path} cannot be read ({exc.strerror}). "
                "`streamapp keys add NAME --scope predict --scope read` makes it."
            ) from None
        except SettingsError as exc:
            raise SettingsError(f"STREAMAPP_API_KEYS_FILE: {self._path}: {exc}.") from None
