"""`streamapp demo`: the whole way of a record on one machine."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

_STACK = "Local stack"
_TRAFFIC = "Traffic"


def _port(what: str) -> Any:
    return typer.Option(min=1, max=65535, metavar="PORT", help=what, rich_help_panel=_STACK)


def demo(
    *,
    duration: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Time of traffic; 0: until Ctrl-C.")
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object on stdout.")] = False,
    keep: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder that keeps logs, metrics, model registry and CSV.")
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, metavar="NUMBER", help="Records a second.", rich_help_panel=_TRAFFIC)
    ] = 100.0,
    bad_fraction: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Share of bad records.", rich_help_panel=_TRAFFIC),
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="Seed of the generator.", rich_help_panel=_TRAFFIC)] = 42,
    workers: Annotated[
        int, typer.Option(min=1, metavar="NUMBER", help="Scoring workers.", rich_help_panel=_STACK)
    ] = 1,
    broker_port: Annotated[int, _port("Port of the broker.")] = 9092,
    redis_port: Annotated[int, _port("Port of Valkey, which speaks Redis's protocol.")] = 6379,
    mlflow_port: Annotated[int, _port("Port of MLflow.")] = 5001,
    api_port: Annotated[int, _port("Port of the HTTP edge.")] = 8800,
    requests_port: Annotated[
        int | None, _port("Second port of the HTTP edge. (default: 5000, or a free one where that is taken)")
    ] = None,
    watch_pid: Annotated[int | None, typer.Option(hidden=True, help="End when this process has gone.")] = None,
) -> None:
    """Run broker, Redis, MLflow, worker, sinks, edge and producer here, and show what flows.

    The end is a check that all that was sent has its outcome, and that Redis and the CSV have it; exit code 1 if not.
    """
    from streamapp.embedded.demo.plan import Plan, Ports, Traffic
    from streamapp.embedded.demo.run import run
    from streamapp.embedded.demo.stop import Interrupted
    from streamapp.embedded.processes import free_port_like

    plan = Plan(
        ports=Ports(
            broker_port, redis_port, mlflow_port, api_port, requests_port or free_port_like(Ports().requests)
        ),
        traffic=Traffic(rate, bad_fraction, seed),
        workers=workers,
        duration=duration,
        keep=keep,
        watch_pid=watch_pid,
    )
    try:
        asyncio.run(run(plan, json=json))
    except Interrupted:
        typer.echo("streamapp: stopped before the end of the demo.", err=True)
        raise typer.Exit(130) from None
