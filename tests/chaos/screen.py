"""What a person sees of a run: a line of progress and one a result on a terminal, plain lines elsewhere; a table."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chaos.result import Result


class Screen:
    """Shows a run as it goes.

    Args:
        console: A terminal, or a file or pipe.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status = console.status("") if console.is_terminal else None
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def tell(self, what: str) -> None:
        """Say what is being done."""
        if self._status is not None:
            self._status.update(what)
        else:
            self._line(f"{time.monotonic() - self._start:6.1f} s  {what}")

    def show(self, result: Result) -> None:
        """Show what came of one fault."""
        self._line(f"fault {result.fault} on {result.broker}, {result.guarantee}: {summary(result)}")

    def table(self, results: Sequence[Result]) -> None:
        """Show all results."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("", justify="right")
        table.add_column("fault")
        table.add_column("broker", no_wrap=True)
        for heading in ("sent", "accepted", "lost", "repeated", "healed s"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        for result in results:
            cells = (str(result.fault), result.title, result.broker, *figures(result), verdict(result))
            table.add_row(*map(Text, cells))
        self.console.print(table)

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def verdict(result: Result) -> str:
    """Return a result in two words."""
    return {True: "passed", False: "FAILED", None: "not run"}[result.passed]


def figures(result: Result) -> list[str]:
    """Return sent, accepted, lost, repeated and seconds to heal as text; "" where there is none."""
    if result.passed is None:
        return [""] * 5
    healed = "" if result.healed_s is None else f"{result.healed_s:.1f}"
    return [f"{result.records:,}", f"{result.accepted:,}", str(result.lost), str(result.repeated), healed]


def summary(result: Result) -> str:
    """Return a result on one line."""
    if result.passed is None:
        return f"not run: {result.detail}"
    sent, accepted, lost, repeated, healed = figures(result)
    counts = f"{sent} sent, {accepted} accepted, {lost} lost, {repeated} repeated"
    line = f"{verdict(result)}; {counts}, healed in {healed or '?'} s"
    return f"{line}; {result.detail}" if result.detail else line
