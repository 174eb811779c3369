"""`streamapp watch`: predictions as they come."""

import asyncio
import contextlib
import sys
from typing import Annotated

import typer

from streamapp.cli.tailed import Shown
from streamapp.cli.terminal import quiet
from streamapp.contracts.settings import Settings, load_settings


def watch(
    *,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="ALIAS", help="Only this model's; may be repeated.")
    ] = None,
    record_id: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Only of this request; may be repeated.")
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the oldest that is there, not from now on.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many predictions. (default: Ctrl-C)")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print each prediction as it is on the topic, no more.")
    ] = False,
) -> None:
    """Follow the predictions: time, id, model, version, what it says, and which features it had to fill in.

    Where a model's version changes, a line says from which offset on.
    """
    quiet()
    shown = Shown(frozenset(model or ()), frozenset(record_id or ()), limit, json=json)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch(load_settings(), shown, from_beginning=from_beginning))


async def _watch(settings: Settings, shown: Shown, *, from_beginning: bool) -> None:
    from streamapp.clients.tailing import tail

    topics = (settings.predictions_topic, *(() if shown.json else (settings.switches_topic,)))
    async with contextlib.aclosing(tail(settings, topics, from_beginning=from_beginning)) as batches:
        async for topic, records in batches:
            lines = shown.predictions if topic == settings.predictions_topic else shown.switches
            sys.stdout.writelines(f"{line}\n" for line in lines(records))
            sys.stdout.flush()
            if shown.left == 0:
                return
