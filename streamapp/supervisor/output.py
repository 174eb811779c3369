"""The one output of all: the lines of the processes and of the supervisor itself, each with its sender's name."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from logging.handlers import QueueHandler
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self

#: Bytes of a line that are passed on at once where it does not end.
_LONGEST_LINE: Final = 1 << 16


class Output:
    """Writes the lines of several senders, each whole, as they come; where nobody reads any more they are dropped.

    Each sender has a thread: a terminal or a pipe that takes no more holds up those, and nothing else of the process.
    They write to the descriptor itself. Python's stream over it keeps a buffer, which is locked while it is written
    and flushed once more at the exit; under `PYTHONUNBUFFERED` it has no lock that keeps long lines whole.

    Args:
        descriptor: Where lines are written.
        patience: Seconds that the last lines have at the end, for which nobody may be there any more.
        named: Whether lines begin with their sender's name. Where they are JSON they say in `process` whose they are.
    """

    def __init__(self, descriptor: int, patience: float = 1.0, *, named: bool = True) -> None:
        self._descriptor = descriptor
        self._named = named
        self._patience = patience
        self._writing = threading.Lock()
        self._relays: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + self._patience
        for relay in self._relays:
            relay.join(max(0.0, deadline - time.monotonic()))

    def add(self, name: str, lines: Iterable[bytes]) -> None:
        """Pass on the lines of a sender, until there are no more.

        Args:
            name: What its lines begin with.
            lines: Its lines, with or without their ends; waits for the next one.
        """
        # A daemon, so that one that is held up does not hold up the exit.
        prefix = f"{name}: ".encode() if self._named else b""
        relay = threading.Thread(target=self._relay, args=(prefix, lines), name=name, daemon=True)
        self._relays.append(relay)
        relay.start()

    def _relay(self, prefix: bytes, lines: Iterable[bytes]) -> None:
        for line in lines:
            with contextlib.suppress(OSError):
                self._write(prefix + line.rstrip(b"\n") + b"\n")

    def _write(self, line: bytes) -> None:
        with self._writing:
            while line:
                line = line[os.write(self._descriptor, line) :]


def lines_of(reading: int) -> Iterator[bytes]:
    """Yield the lines that come out of a pipe, and close it at its end."""
    with open(reading, "rb") as source:
        while line := source.readline(_LONGEST_LINE):
            yield line


@contextlib.contextmanager
def logged(output: Output, name: str, formatter: logging.Formatter, level: str = "INFO") -> Iterator[None]:
    """Log to the output under a name; who logs does not wait for it."""
    records: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
    handler = QueueHandler(records)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler])
    # What the handler puts into the queue has been formatted, with its traceback.
    texts = (record.msg.encode(errors="backslashreplace") for record in iter(records.get, None))
    output.add(name, (line for text in texts for line in text.splitlines()))
    try:
        yield
    finally:
        records.put(None)
