"""What a person sees while requests are sent: a live line on a terminal, plain lines elsewhere."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from producer.summary import Summary

_LIVE_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0


class Counts(Protocol):
    """What is counted while it is shown."""

    @property
    def total(self) -> int:
        """Requests whose outcome is known."""
        ...

    @property
    def line(self) -> str:
        """The counts so far for a person."""
        ...


@asynccontextmanager
async def shown(tally: Counts, total: int | None, console: Console) -> AsyncIterator[None]:
    """Show the counts until the block is left.

    Args:
        tally: The counts.
        total: Requests to come; None: no end is known.
        console: Where to.
    """
    show = _live(tally, total, console) if console.is_terminal else _lines(tally, console)
    task = asyncio.create_task(show)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def report(summary: Summary, console: Console) -> None:
    """Print the answers by status, the counts, and the last error where there was one."""
    table = Table("answer", "requests")
    for status, number in summary.by_status.items():
        table.add_row(status, str(number))
    table.add_row("on the topic", str(summary.to_topic))
    console.print(table)
    console.print(f"{summary.line} in {summary.seconds:.1f} s", highlight=False)
    if summary.last_error:
        console.print(f"last error: {summary.last_error}", highlight=False, soft_wrap=True, markup=False)


async def _live(tally: Counts, total: int | None, console: Console) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # What is printed meanwhile goes above the line where both are on the same screen.
    both = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=both) as progress:
        task = progress.add_task("", total=total)
        while True:
            progress.update(task, completed=tally.total, description=tally.line)
            await asyncio.sleep(_LIVE_SECONDS)


async def _lines(tally: Counts, console: Console) -> None:
    while True:
        await asyncio.sleep(_LINE_SECONDS)
        console.print(tally.line, highlight=False)
