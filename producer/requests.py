"""`streamapp produce requests`: many callers that each wait for their predictions, as the older client did."""

import asyncio
import signal
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Final

import httpx
import msgspec
import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from producer.address import OLDER_PORT, server
from producer.answers import Answers, Tally
from producer.ask import Outcome
from producer.crowd import Crowd, ask_all
from producer.marketplace import TARGET, item_rows
from producer.progress import shown
from producer.rows import read_rows
from streamapp.contracts.codec import encode
from streamapp.contracts.settings import load_settings

_BAR_WIDTH: Final = 40


def requests(  # noqa: PLR0917  # options of a command line have names
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows to send: .parquet, .csv or .jsonl. (default: generated items)"),
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column of the file to leave out.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Requests to send; rows repeat where they are fewer.")] = 100,
    concurrency: Annotated[int, typer.Option(min=1, help="Callers at once.")] = 100,
    delay: Annotated[
        tuple[float, float], typer.Option(metavar="MIN MAX", help="Seconds that a caller rests before a request.")
    ] = (0.5, 3.0),
    timeout: Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="Time for an answer.")] = 10.0,
    host: Annotated[
        str,
        typer.Option("--server", envvar="SERVER_HOST", callback=server, help="Host, host:port or URL of the server."),
    ] = f"localhost:{OLDER_PORT}",
    model: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="Model to ask. (default: the server's for flat records)")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same rests and same generated items.")] = 42,
    json: Annotated[bool, typer.Option("--json", help="Print the summary alone, as one JSON object.")] = False,  # noqa: FBT002  # as above
) -> None:
    """Ask for predictions one record a request, many at a time; print each answer, and a summary.

    The exit code is 1 where any request was not answered with 200.
    """
    records = read_rows(rows, drop or [TARGET]) if rows is not None else item_rows(seed)
    bodies = (encode(record) for record in islice(cycle(records), count))
    url = str(httpx.URL(f"{host}/predict", params={"model": model} if model else {}))
    key = load_settings().api_key.get_secret_value()
    crowd = Crowd(url, min(concurrency, count), (min(delay), max(delay)), timeout, seed, key)
    answers = asyncio.run(_ask(bodies, crowd, count, quiet=json))
    if json:
        typer.echo(msgspec.json.encode(answers).decode())
    else:
        report(answers, Console())
    if answers.failed:
        raise typer.Exit(1)


def report(answers: Answers, console: Console) -> None:
    """Print the answers by status, a histogram of the time that they took, and percentiles of it."""
    statuses = Table("answer", "requests")
    for status, number in answers.by_status.items():
        statuses.add_row(status, str(number))
    console.print(statuses)
    if answers.histogram:
        console.print(_histogram(answers))
    console.print(
        f"{answers.requests} requests, {answers.failed} failed in {answers.seconds:.1f} s; "
        f"p50 {_number(answers.p50_ms)} ms, p99 {_number(answers.p99_ms)} ms",
        highlight=False,
    )


def _histogram(answers: Answers) -> Table:
    table = Table("took up to", "requests", "")
    most = max(bar.requests for bar in answers.histogram)
    for bar in answers.histogram:
        bound = "longer" if bar.up_to_ms is None else f"{bar.up_to_ms:,} ms"
        table.add_row(bound, str(bar.requests), Bar(most, 0, bar.requests, width=_BAR_WIDTH))
    return table


async def _ask(bodies: Iterator[bytes], crowd: Crowd, count: int, *, quiet: bool) -> Answers:
    """Send the requests; SIGINT and SIGTERM let those in flight finish."""
    loop, stop, tally = asyncio.get_running_loop(), asyncio.Event(), Tally()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tell = _silent if quiet else _tell
    async with shown(tally, count, Console(stderr=True)):
        return await ask_all(bodies, crowd, stop=stop, tally=tally, tell=tell)


def _tell(number: int, outcome: Outcome) -> None:
    typer.echo(f"{number}: {outcome.status} {outcome.text} ({1000 * outcome.seconds:.0f} ms)")


def _silent(number: int, outcome: Outcome) -> None:
    """Print nothing of a single answer."""


def _number(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:,.0f}"
