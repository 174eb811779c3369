"""`streamapp produce` and `python -m producer`: synthetic traffic."""

import asyncio
import signal
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console

from producer.address import base_url, checked
from producer.http import HttpSender
from producer.messages import Route
from producer.progress import report, shown
from producer.requests import requests
from producer.run import Request, by_kind, run
from producer.saved import save, saved
from producer.summary import Summary, Tally
from producer.topic import TopicSender
from producer.traffic import MODELS, traffic
from streamapp import logs
from streamapp.contracts.settings import Settings, load_settings

_ALL: Final = "all"

app = typer.Typer(
    help="Send synthetic traffic.",
    add_completion=False,
    pretty_exceptions_enable=False,
    subcommand_metavar="[COMMAND]",
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Pace(msgspec.Struct, frozen=True):
    """How fast and how long.

    Attributes:
        rate: Requests a second; 0: as fast as possible.
        count: Requests; None: no end.
        duration: Seconds; None: no end.
        concurrency: Most requests in flight.
    """

    rate: float
    count: int | None
    duration: float | None
    concurrency: int


@app.callback(invoke_without_command=True)
def produce(  # noqa: PLR0917  # options of a command line have names
    context: typer.Context,
    model: Annotated[str, typer.Option(help="Alias of a model, or `all`: svm, knn and lightgbm take turns.")] = _ALL,
    rate: Annotated[float, typer.Option(min=0, help="Requests a second; 0: as fast as possible.")] = 0.5,
    count: Annotated[int | None, typer.Option(min=1, help="Requests to send. (default: until Ctrl-C)")] = None,
    duration: Annotated[float | None, typer.Option(min=0.1, help="Seconds to send. (default: until Ctrl-C)")] = None,
    to: Annotated[Route, typer.Option(help="Over HTTP to the edge, or straight to the topic.")] = Route.HTTP,
    url: Annotated[
        str | None,
        typer.Option(callback=checked, help="Base URL of the edge. (default: from STREAMAPP_API_HOST and _PORT)"),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows a request.")] = 1,
    seed: Annotated[int, typer.Option(help="Same seed, same requests.")] = 42,
    bad_fraction: Annotated[float, typer.Option(min=0, max=1, help="Share of bad requests.")] = 0.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Most requests in flight.")] = 64,
    summary: Annotated[Path | None, typer.Option(help="File for the summary, as JSON; renewed every second.")] = None,
) -> None:
    """Send synthetic employees, or items to `marketplace`; ends with a summary of the answers.

    The exit code is 1 where requests failed and none was accepted.

    The pace does not wait for answers: a server that is slow or away costs failed requests, not speed.
    """
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    logs.configure(settings)
    models = MODELS if model == _ALL else (model,)
    requests = traffic(models=models, route=to, rows=rows, bad_fraction=bad_fraction, seed=seed)
    pace = Pace(rate, count, duration, concurrency)
    result = asyncio.run(_produce(islice(requests, count), url or base_url(settings), settings, pace, summary))
    if summary is not None:
        save(result, summary)
    report(result, Console())
    if result.failed and not result.sent:
        raise typer.Exit(1)


async def _produce(
    requests: Iterable[Request], url: str, settings: Settings, pace: Pace, file: Path | None
) -> Summary:
    """Send the requests; SIGINT, SIGTERM and the end of the duration let those in flight finish."""
    loop, stop, tally = asyncio.get_running_loop(), asyncio.Event(), Tally()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if pace.duration is not None:
        loop.call_later(pace.duration, stop.set)
    async with (
        HttpSender(url, pace.concurrency, key=settings.api_key.get_secret_value()) as http,
        TopicSender(settings) as topic,
        shown(tally, pace.count, Console(stderr=True)),
        saved(tally, file),
    ):
        send = by_kind(http.send, topic.send)
        result = await run(requests, send, rate=pace.rate, concurrency=pace.concurrency, stop=stop, tally=tally)
        return msgspec.structs.replace(result, last_error=http.last_error or topic.last_error)


app.command()(requests)
