"""The file of the CSV audit: one writer at a time, whole lines only, read from its end. Blocking calls."""

import contextlib
import fcntl
import logging
import mmap
import os
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from streamapp.contracts.errors import ServiceError, SettingsError
from streamapp.sinks import audit_rows
from streamapp.sinks.ports import Position

_log = logging.getLogger(__name__)

_CLOSED: Final = -1


class AuditFile:
    """An append-only CSV file under a lock.

    Args:
        path: The file. Its folder is made where it is missing; the lock lies beside it as `NAME.lock`.
        shared: Input topic of rows that name none.
    """

    def __init__(self, path: Path, shared: str) -> None:
        self._path = path
        self._position = partial(audit_rows.position, shared=shared)
        self._lock = _CLOSED
        self._file = _CLOSED
        self._size = 0

    def is_intact(self) -> bool:
        """Return whether the file is open, and still the one under its path, as long as this process left it."""
        try:
            there, ours = self._path.stat(), os.fstat(self._file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino, there.st_size) == (ours.st_dev, ours.st_ino, self._size)

    def open(self, partitions: Collection[int]) -> dict[int, Position]:
        """Lock the file, cut off what a crash left behind its last row, and return the position of each partition.

        Partitions without a row are left out.

        Raises:
            OSError: The file cannot be read or written.
            ServiceError: Another process holds the lock.
            SettingsError: The file has another header; it is left as it is.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        self._open_file()
        if self._start_if_empty():
            return {}
        self._renew_former()
        with mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) as text:
            end = self._end_of_rows(text)
            positions = self._last_positions(text, end, partitions)
        self._cut(end)
        return positions

    def append(self, lines: bytes) -> None:
        """Write lines at the end. They outlive this process; they are not forced to the disk.

        Raises:
            OSError: It failed, e.g. because the disk is full. Whole lines of it may be there; the file has to be
                opened anew.
        """
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            self._close_file()
            raise
        self._size += len(lines)

    def rotate(self) -> Path:
        """Rename the file, so that the next one begins empty; return its new path.

        Raises:
            OSError: It cannot be renamed.
        """
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        kept = self._path.with_stem(f"{self._path.stem}-{now}")
        self._path.rename(kept)
        self._close_file()
        return kept

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._close_file()
        if self._lock != _CLOSED:
            os.close(self._lock)
            self._lock = _CLOSED

    def _take_lock(self) -> None:
        if self._lock != _CLOSED:
            return
        path = self._path.with_name(self._path.name + ".lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, b"%d\n" % os.getpid())
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            raise ServiceError(
                f"{self._path} (STREAMAPP_CSV_PATH) is being written by process {holder}. Waiting until it ends."
            ) from None
        except OSError:  # no room for as little: what is not closed would lock out this process itself
            os.close(lock)
            raise
        self._lock = lock

    def _start_if_empty(self) -> bool:
        """Write the header into a file that is empty or got no further than its header; say whether it was."""
        header = audit_rows.HEADER + b"\n"
        start = os.pread(self._file, len(header) + 1, 0)
        if len(start) < len(header) and header.startswith(start):
            self._cut(0)
            self.append(header)
            return True
        return False

    def _renew_former(self) -> None:
        """Put today's header over the rows of a former version, which lack its last cells, in one step."""
        with self._path.open("rb") as rows:
            first = rows.readline(2 * len(audit_rows.HEADER)).rstrip(b"\r\n")
            if first == audit_rows.HEADER:
                return
            if first != audit_rows.FORMER_HEADER:
                raise SettingsError(
                    f"STREAMAPP_CSV_PATH: {self._path} is no audit file of ours: its first line is not "
                    f"{audit_rows.HEADER.decode()}. Move it away, or name another file."
                )
            renewed = self._path.with_name(self._path.name + ".new")
            with renewed.open("wb") as file:
                file.write(audit_rows.HEADER + b"\n")
                shutil.copyfileobj(rows, file)
        shutil.copymode(self._path, renewed)
        renewed.replace(self._path)
        self._open_file()

    def _cut(self, size: int) -> None:
        if size < self._size:
            _log.warning("%s: cut off %d bytes behind its last whole row", self._path, self._size - size)
            os.ftruncate(self._file, size)
            self._size = size

    def _open_file(self) -> None:
        self._close_file()
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size

    def _close_file(self) -> None:
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED

    def _end_of_rows(self, text: mmap.mmap) -> int:
        """Return where the last whole row ends, or the header where there is none."""
        for start, end in _lines_backwards(text, text.rfind(b"\n") + 1):
            if self._position(text[start:end]) is not None:
                return end
        return text.find(b"\n") + 1

    def _last_positions(self, text: mmap.mmap, end: int, partitions: Collection[int]) -> dict[int, Position]:
        """Read backwards from `end` until a row of each partition is found, or to the header."""
        found: dict[int, Position] = {}
        for start, stop in _lines_backwards(text, end):
            row = self._position(text[start:stop])
            if row is not None:
                found.setdefault(*row)
            if found.keys() >= set(partitions):
                break
        return found


def _lines_backwards(text: mmap.mmap, end: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line before `end`, the last one first, the header left out."""
    while (start := text.rfind(b"\n", 0, end - 1) + 1) > 0:
        yield start, end
        end = start
