"""`streamapp worker`: one scoring worker, or several under a supervisor."""

import asyncio
from typing import Annotated

import typer

from streamapp.contracts.settings import load_settings

_HELP = """\
  --processes N|auto  Processes that share the partitions; auto: one for each usable processor
                      (STREAMAPP_WORKER_PROCESSES, default 1). Else, for each of them:
"""


def worker(
    context: typer.Context,
    *,
    processes: Annotated[str | None, typer.Option("--processes", metavar="N|auto")] = None,
) -> None:
    """Score what arrives on the input topic, in --processes N; other arguments go to `faust worker`."""
    settings = load_settings(**{} if processes is None else {"worker_processes": processes})
    asked_for_help = "--help" in context.args
    if asked_for_help:
        typer.echo(_HELP)
    if settings.worker_processes != 1 and not asked_for_help:
        from streamapp.supervisor import supervise
        from streamapp.supervisor.cores import processes as counted

        if (count := counted(settings.worker_processes)) > 1:
            raise typer.Exit(asyncio.run(supervise(settings, count, context.args)))
    from streamapp.app import main as faust_worker

    faust_worker(context.args)
