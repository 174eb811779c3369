"""`streamapp dlq`: dead letters listed, shown, counted and redriven."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from streamapp.cli.terminal import print_json, quiet
from streamapp.contracts.errors import Code
from streamapp.contracts.settings import load_settings

if TYPE_CHECKING:
    from streamapp.dlq.letters import Wanted

app = typer.Typer(
    help="Look at the records that were refused, and send them again.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
#: Most letters of a table that is not told how many.
_TABLE = 100


def _time(text: str) -> int:
    from streamapp.dlq.times import parse

    try:
        return parse(text, datetime.now(UTC))
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from None


Codes = Annotated[
    list[Code] | None, typer.Option("--code", metavar="CODE", help="Only letters with this reason; may be repeated.")
]
Models = Annotated[
    list[str] | None, typer.Option("--model", metavar="ALIAS", help="Only letters of this model; may be repeated.")
]
Since = Annotated[
    int | None,
    typer.Option(
        "--since",
        parser=_time,
        metavar="TIME",
        help="Only letters written since then: ISO 8601, UTC where no zone is named, or a span such as 2h.",
    ),
]
Until = Annotated[
    int | None, typer.Option("--until", parser=_time, metavar="TIME", help="Only letters written before then.")
]
Every = Annotated[bool, typer.Option("--all", help="Those that were redriven, too.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback()
def _quiet() -> None:
    quiet()


@app.command("list")
def list_letters(
    *,
    code: Codes = None,
    model: Models = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most letters, the newest. (default: 100 in a table, all as JSON)")
    ] = None,
    every: Every = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the dead letters that wait, oldest first.

    As JSON without --limit they come as they are read: oldest first in each partition, not over all of them.
    """
    asyncio.run(_list(_wanted(code, model, since, until), limit, every=every, json=json))


@app.command()
def show(
    record_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Show a refused record, each time that it failed: why, where it stands, its headers and its bytes."""
    asyncio.run(_show(record_id, json=json))


@app.command()
def stats(
    *,
    code: Codes = None,
    model: Models = None,
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Count the dead letters that wait by code, by model and by hour."""
    asyncio.run(_stats(_wanted(code, model, since, until), json=json))


@app.command()
def redrive(
    *,
    code: Codes = None,
    model: Models = None,
    since: Since = None,
    until: Until = None,
    record_id: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only this record; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most letters to redrive. (default: all)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done; write nothing.")] = False,
    json: Json = False,
) -> None:
    """Put records back on their input topics, under their ids: where they came from, in their order there.

    What was redriven once is not redriven again: after a crash, just run it again.

    A record that has failed STREAMAPP_MAX_ATTEMPTS times stays where it is. The exit code is 1 where one that --id
    names stays, or is not there.
    """
    asyncio.run(_redrive(_wanted(code, model, since, until, record_id), limit, dry_run=dry_run, json=json))


def _wanted(
    code: list[Code] | None,
    model: list[str] | None,
    since: int | None,
    until: int | None,
    ids: list[str] | None = None,
) -> "Wanted":
    from streamapp.dlq.letters import Wanted

    return Wanted(frozenset(code or ()), frozenset(model or ()), frozenset(ids or ()), since, until)


async def _list(wanted: "Wanted", limit: int | None, *, every: bool, json: bool) -> None:
    from rich.console import Console

    from streamapp.dlq.browse import browse, newest
    from streamapp.dlq.entries import to_entry
    from streamapp.dlq.view import listed

    settings = load_settings()
    async with aclosing(browse(settings, wanted, redriven=every)) as letters:
        if json and limit is None:
            async for letter in letters:
                print_json(to_entry(letter))
            return
        entries, total = await newest(letters, limit or _TABLE)
    if json:
        for entry in entries:
            print_json(entry)
    elif entries:
        listed(entries, total, Console())
    else:
        typer.echo(f"No dead letters wait on {settings.dead_letters_topic}.")


async def _show(record_id: str, *, json: bool) -> None:
    from rich.console import Console

    from streamapp.dlq.browse import browse
    from streamapp.dlq.entries import in_full
    from streamapp.dlq.errors import UnknownLetter
    from streamapp.dlq.letters import Wanted
    from streamapp.dlq.view import shown

    settings = load_settings()
    found = False
    async with aclosing(browse(settings, Wanted(ids={record_id}), redriven=True)) as letters:
        async for letter in letters:
            if json:
                print_json(in_full(letter))
            else:
                shown(letter, Console())
            found = True
    if not found:
        raise UnknownLetter(f"No dead letter on {settings.dead_letters_topic} has the id {record_id}.")


async def _stats(wanted: "Wanted", *, json: bool) -> None:
    from rich.console import Console

    from streamapp.dlq.browse import browse
    from streamapp.dlq.stats import count
    from streamapp.dlq.view import counted

    async with aclosing(browse(load_settings(), wanted, redriven=True)) as letters:
        found = await count(letters)
    if json:
        print_json(found)
    else:
        counted(found, Console())


async def _redrive(wanted: "Wanted", limit: int | None, *, dry_run: bool, json: bool) -> None:
    from rich.console import Console

    from streamapp.dlq.redrive import Redrive
    from streamapp.dlq.view import followed, summed

    settings = load_settings()
    run = Redrive(settings, wanted, limit=limit, dry_run=dry_run)
    try:
        async with followed(lambda: run.summary, Console(stderr=True)):
            await run.run()
    finally:
        if json:
            print_json(run.summary)
        else:
            summed(run.summary, Console())
