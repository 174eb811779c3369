"""`streamapp config`: what is in force, and where each value came from."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer

from streamapp.contracts.settings import load_settings
from streamapp.contracts.shown import Setting, describe, unknown_variables


def config(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of a table.")] = False,
) -> None:
    """Show every setting with its value (secrets masked), where it came from and what it does."""
    rows = describe(load_settings())
    if json:
        typer.echo(msgspec.json.encode(rows).decode())
    else:
        _print_table(rows)
    for name, nearest in unknown_variables().items():
        typer.echo(f"warning: {name} is no setting and has no effect; the nearest is {nearest}.", err=True)


def _print_table(rows: Sequence[Setting]) -> None:
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=HORIZONTALS, show_lines=True, expand=True)
    table.add_column("Setting", min_width=max(len(row.name) for row in rows), overflow="fold")
    table.add_column("Value", overflow="fold")
    table.add_column("Source", min_width=len("environment"))
    for row in rows:
        setting = Text(row.name, "bold").append(f"\n{row.description}", "not bold dim")
        table.add_row(setting, Text(row.value), Text(row.source, "" if row.source == "default" else "green"))
    Console().print(table)
