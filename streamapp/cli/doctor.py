"""`streamapp doctor`: what is wrong with the system, and how to mend it."""

import asyncio
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from streamapp.cli.terminal import print_json, quiet
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import load_settings
from streamapp.contracts.urls import split
from streamapp.doctor.visit import TIMEOUT

if TYPE_CHECKING:
    from streamapp.doctor.report import Report

#: Libraries that tell of what the findings tell better.
_LIBRARIES = ("httpx", "mlflow", "urllib3")


def _url(text: str) -> str:
    """Return a URL that can be asked. What is none may have a password in it, and is not repeated."""
    if not text.startswith(("http://", "https://")):
        raise typer.BadParameter("it does not start with http:// or https://")
    try:
        host = split(text).hostname
    except ValueError as exc:
        raise typer.BadParameter(f"it {exc}") from None
    if not host:
        raise typer.BadParameter("it names no host")
    return text


def doctor(
    *,
    edge: Annotated[
        str | None,
        typer.Option(
            parser=_url, metavar="URL", help="Where an edge has to be. (default: this machine, where one runs)"
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Time that each check may take.")
    ] = TIMEOUT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at settings, broker, topics, workers, Redis, MLflow, models, clocks and the edge, and say what to mend.

    Nothing is changed, and what is away keeps nothing else from being looked at. The exit code is 1 where there is an
    error, and 0 where there are warnings at most. docs/doctor.md has all that it finds.
    """
    quiet()
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    found = asyncio.run(_examined(edge, timeout, json=json))
    if json:
        print_json(found)
    else:
        from rich.console import Console

        from streamapp.cli.doctor_view import shown

        shown(found, Console())
    raise typer.Exit(1 if found.errors else 0)


async def _examined(edge: str | None, timeout: float, *, json: bool) -> "Report":
    from rich.console import Console

    from streamapp.cli.doctor_view import Progress
    from streamapp.doctor.checks import CHECKS
    from streamapp.doctor.run import run, without_settings
    from streamapp.doctor.visit import Visit

    try:
        visit = Visit(load_settings(), edge, timeout)
    except SettingsError as exc:
        return without_settings(CHECKS, exc)
    with Progress(Console(stderr=True, quiet=json), [check.name for check in CHECKS]) as progress:
        return await run(CHECKS, visit, told=progress.done)
