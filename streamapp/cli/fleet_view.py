"""What the workers serve and refuse, as tables that fit 80 columns."""

from collections.abc import Sequence

from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamapp.cli.terminal import plain_time, printable
from streamapp.contracts.fleet import Fleet, Served
from streamapp.contracts.status import Refused


def shown(fleet: Fleet, console: Console) -> None:
    """Print who lives, what they serve, and what they refuse where they do."""
    count = len(fleet.workers)
    console.print(f"{count} worker{'s serve' if count > 1 else ' serves'}:", highlight=False)
    console.print(_served(fleet.served, count))
    if fleet.refused:
        console.print("Refused:", highlight=False)
        console.print(_refused(fleet.refused))


def _served(served: Sequence[Served], workers: int) -> Table:
    table = _table("Model, flavour, run", "Since (UTC)", "Rows", "ms a call")
    for one in served:
        some = () if one.workers == workers else (f"on {one.workers} of {workers} workers",)
        table.add_row(
            _stacked(one.alias, f"{one.registered_name} {one.version}, {one.flavor}", one.run_id, *some),
            "\n".join(plain_time(one.since).split()),
            f"{one.rows:,}\n{one.mean_batch:,.1f} a call",
            f"p50 {one.p50_ms:,.2f}\np99 {one.p99_ms:,.2f}",
        )
    return table


def _refused(refused: Sequence[Refused]) -> Table:
    table = _table("Model, reason", "Since (UTC)")
    for one in refused:
        model = f"{one.alias}: {one.registered_name} {one.version}".strip()
        table.add_row(_stacked(model, one.reason), "\n".join(plain_time(one.since).split()))
    return table


def _table(wide: str, time: str, *numbers: str) -> Table:
    table = Table(box=HORIZONTALS, show_lines=True, expand=True, pad_edge=False)
    table.add_column(wide, overflow="fold", ratio=1)
    table.add_column(time)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _stacked(first: str, *more: str) -> Text:
    text = Text(printable(first), "bold")
    for line in more:
        text.append(f"\n{printable(line)}", "not bold dim")
    return text
