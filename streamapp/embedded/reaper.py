"""Ends what its parent started, if the parent cannot do so itself.

The parent starts `python -m streamapp.embedded.reaper` with a pipe on its standard input and writes a line for each
child: `+PID` when it starts one, `-PID` when that one has ended. When the pipe closes (even SIGKILL of the parent
closes it) the process groups that are left are ended: SIGTERM, then SIGKILL after a grace.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

_GRACE = 5.0
_POLL = 0.05


def main(lines: Iterable[str] = sys.stdin) -> None:
    """Follow the pipe to its end, then end every process group that is still there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a Ctrl-C reaches us too, and the parent needs us still
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        groups.add(group) if line[0] == "+" else groups.discard(group)
    end_groups(groups)


def end_groups(groups: set[int], grace: float = _GRACE) -> None:
    """End process groups: SIGTERM, and SIGKILL for those that are there after `grace` seconds."""
    _signal(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while _alive(groups) and time.monotonic() < deadline:
        time.sleep(_POLL)
    _signal(groups, signal.SIGKILL)


def _signal(groups: set[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _alive(groups: set[int]) -> bool:
    # A zombie counts as alive. Where PID 1 reaps none, that costs the grace, for which nobody waits; to tell them
    # apart takes /proc or a library to import.
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            return True
    return False


if __name__ == "__main__":
    main()
