"""What a person sees while requests are sent: a live line on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from producer.summary import Summary, Tally

_LIVE_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0


@asynccontextmanager
async def shown(tally: Tally, total: int | None, console: Console) -> AsyncIterator[None]:
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
    console.print(f"{_counts(summary)} in {summary.seconds:.1f} s", highlight=False)
    if summary.last_error:
        console.print(f"last error: {summary.last_error}", highlight=False, soft_wrap=True, markup=False)


def _counts(summary: Summary) -> str:
    return f"{summary.sent} sent, {summary.rejected} rejected, {summary.failed} failed"


async def _live(tally: Tally, total: int | None, console: Console) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        while True:
            progress.update(task, completed=tally.total, description=_counts(tally.summary(0)))
            await asyncio.sleep(_LIVE_SECONDS)


async def _lines(tally: Tally, console: Console) -> None:
    while True:
        await asyncio.sleep(_LINE_SECONDS)
        console.print(_counts(tally.summary(0)), highlight=False)
