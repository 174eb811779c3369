"""The reaper as its parent sees it: a process that ends others where the parent cannot."""

import contextlib
import subprocess
import sys
from types import TracebackType
from typing import Self


class Reaper:
    """Ends the process groups that this process leaves behind, whatever ends it, even SIGKILL."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            (sys.executable, "-m", "streamapp.embedded.reaper"),
            stdin=subprocess.PIPE,
            bufsize=0,  # a line is there once it is written, and nothing is left to fail when the pipe is closed
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, group: int) -> None:
        """Take note of a process group that has been started."""
        self._tell(f"+{group}")

    def discard(self, group: int) -> None:
        """Take note that a process group has ended."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """End the groups that are left, and the reaper."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()

    def _tell(self, line: str) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # without its reaper this process still ends them itself
                self.process.stdin.write(line.encode() + b"\n")
