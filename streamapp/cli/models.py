"""`streamapp models`: what the workers serve, and what they refuse."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from streamapp.cli.terminal import print_json, printable, quiet
from streamapp.cli.trust import trust, verify
from streamapp.contracts.card import ModelCard
from streamapp.contracts.fleet import fleet
from streamapp.contracts.settings import load_settings

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the models that the workers serve, since when and how fast, and those that they refuse, and why.

    Numbers are those of all living workers together; times are of the worker with the most calls. Where workers serve
    different versions, as for a moment while an alias moves, each has a line.
    """
    if context.invoked_subcommand is None:
        quiet()
        asyncio.run(_models(json=json))


app.command()(trust)
app.command()(verify)


async def _models(*, json: bool) -> None:
    from rich.console import Console

    from streamapp.cli.fleet_view import shown
    from streamapp.clients.said import cards, statuses

    settings = load_settings()
    said = await statuses(settings)
    found = fleet(one.status for one in said.values())
    if json:
        print_json({"workers": found.workers, "models": found.served, "refused": found.refused})
    elif found.workers:
        shown(found, Console())
    else:
        typer.echo(_nobody(await cards(settings)))


def _nobody(known: Sequence[ModelCard]) -> str:
    last = ", ".join(printable(f"{card.alias} ({card.registered_name} {card.version})") for card in known)
    before = f" Served before: {last}." if last else ""
    return f"No worker lives: what is sent waits until one starts (streamapp worker).{before}"
