"""`streamapp train`: train models and register them."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from models import marketplace as items
from models.employees import ROWS
from models.tabular import TIME_LIMIT, Kind, Library
from streamapp.contracts.errors import RegistryUnavailable
from streamapp.contracts.settings import Settings, load_settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, answering, free_port
from streamapp.embedded.proxies import past_proxies
from streamapp.runtimes.manifests import manifests_of

if TYPE_CHECKING:
    from models.registry import Registered

#: Seconds that a server which is named may take to answer.
_PATIENCE: Final = 10.0
#: Metric to its heading in the report.
_HEADINGS: Final = {
    "accuracy": "accuracy",
    "f1": "F1",
    "macro_f1": "macro-F1",
    "macro_f1_partial": "macro-F1, gaps",
    "roc_auc": "ROC AUC",
}
#: Is told what begins.
Step = Callable[[str], None]
_TrackingUri = Annotated[
    str | None, typer.Option(help="MLflow server. (default: MLFLOW_TRACKING_URI, or one of our own)")
]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    *,
    csv: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Table to train on: UTF-8, with a header.")
    ] = None,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column to predict.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the model, also in requests. (default: the file's)")
    ] = None,
    library: Annotated[Library, typer.Option("--with", help="What fits it.")] = Library.LIGHTGBM,
    task: Annotated[Kind | None, typer.Option(help="What it is. (default: found out from the column)")] = None,
    seed: Annotated[int, typer.Option(help="Of the split and of the training.")] = 42,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Time that AutoGluon may take to fit.")
    ] = TIME_LIMIT,
    tracking_uri: _TrackingUri = None,
) -> None:
    """Train a model of any table, or one of those below, and register it in MLflow.

    `--csv FILE --target COLUMN`: types are found out from the file, and workers that run serve the model at once.
    """
    if context.invoked_subcommand is not None:
        if csv or target:
            raise typer.BadParameter(f"Say it after the name: {context.invoked_subcommand} --csv FILE.")
        return
    if csv is None:
        raise typer.BadParameter("Say which file to train on.", param_hint="--csv")
    _quiet_mlflow()
    from models.tabular import command

    wanted = command.Wanted(csv, target, name, library, task, seed, time_limit)
    table = command.load(wanted)
    with _training(tracking_uri) as (settings, uri, step):
        registered = command.train(wanted, table, settings, uri, step)
    _report([registered], tuple(registered.metrics))
    typer.echo(command.invitation(registered.name, table, settings, uri))


@app.command()
def employees(
    *,
    csv: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Data to train on. (default: generated rows)"),
    ] = None,
    rows: Annotated[int, typer.Option(min=100, help="Rows to generate where there is no file.")] = ROWS,
    seed: Annotated[int, typer.Option(help="Of the generator and of the training.")] = 42,
    tracking_uri: _TrackingUri = None,
) -> None:
    """Train SVC, Knn_Classifier and LightGBM_Classifier on employees, and register them.

    Where no MLflow server is named and none answers at the default address, one is started for the time of the
    training; what it keeps is what `streamapp demo` serves.
    """
    with _training(tracking_uri) as (settings, uri, step):
        from models.employees.data import DataError
        from models.employees.train import train

        try:
            registered = train(
                tracking_uri=uri,
                csv=csv,
                rows=rows,
                seed=seed,
                alias=settings.registry_alias,
                manifests=manifests_of(settings),
                step=step,
            )
        except DataError as exc:
            raise typer.BadParameter(str(exc), param_hint="--csv") from None
    _report(registered, ("macro_f1", "accuracy", "macro_f1_partial"))


@app.command()
def marketplace(
    *,
    rows: Annotated[int, typer.Option(min=500, help="Rows to generate.")] = items.ROWS,
    seed: Annotated[int, typer.Option(help="Of the generator and of the training.")] = 42,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Time that AutoGluon may take to fit.")
    ] = items.TIME_LIMIT,
    tracking_uri: _TrackingUri = None,
) -> None:
    """Train AutoGluon_Marketplace on generated items, new or used, and register it.

    The MLflow server is found as for `employees`.
    """
    with _training(tracking_uri) as (settings, uri, step):
        from models.marketplace.train import train

        registered = train(
            tracking_uri=uri,
            rows=rows,
            seed=seed,
            time_limit=time_limit,
            alias=settings.registry_alias,
            manifests=manifests_of(settings),
            step=step,
        )
    _report(registered, ("f1", "accuracy", "roc_auc"))


@contextmanager
def _training(tracking_uri: str | None) -> Iterator[tuple[Settings, str, Step]]:
    """Give what a training needs: the settings, the address of the MLflow server, and who is told what begins."""
    _quiet_mlflow()
    settings = load_settings(**({"mlflow_tracking_uri": tracking_uri} if tracking_uri else {}))
    with _steps(Console(stderr=True)) as step, _registry(settings, step) as uri:
        yield settings, uri, step


def _quiet_mlflow() -> None:
    """Keep MLflow, which must not be imported yet, from saying what our own report says: links and versions."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


@contextmanager
def _steps(console: Console) -> Iterator[Step]:
    """Show what is being done: a line a step, and on a terminal that it goes on."""
    start = time.monotonic()
    with console.status("") as status:

        def step(text: str) -> None:
            console.print(f"[dim]{time.monotonic() - start:5.1f} s[/] {text}", highlight=False, soft_wrap=True)
            status.update(text)

        yield step


@contextmanager
def _registry(settings: Settings, step: Step) -> Iterator[str]:
    """Give the address of the MLflow server: the one that is set or answers, else one of our own.

    Raises:
        RegistryUnavailable: The one that is set does not answer.
        ProcessFailed: Our own did not come up.
    """
    uri = settings.mlflow_tracking_uri
    os.environ.update(past_proxies(os.environ))  # MLflow's client would ask a proxy for a server on loopback
    with asyncio.Runner() as runner:
        given = "mlflow_tracking_uri" in settings.model_fields_set
        if not uri.startswith("http") or runner.run(_answers(uri, _PATIENCE if given else 0)):
            yield uri
            return
        if given:
            raise RegistryUnavailable(f"No MLflow server answers at {uri} (MLFLOW_TRACKING_URI).")
        folder = settings.var_dir / "mlflow"
        step(f"MLflow: none answers at {uri}, so one of our own starts, in {folder}")
        port = free_port()
        processes = Processes(settings.var_dir / "logs")
        runner.run(processes.__aenter__())
        try:
            runner.run(processes.run(services.mlflow(port, folder)))
            yield f"http://127.0.0.1:{port}"
        finally:
            runner.run(processes.__aexit__(None, None, None))


async def _answers(uri: str, patience: float) -> bool:
    """Return whether a server answers; a busy one may take `patience` seconds."""
    answers, deadline = answering(f"{uri}/health"), time.monotonic() + patience
    while not (answered := await answers()) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    return answered


def _report(registered: "Iterable[Registered]", metrics: Sequence[str]) -> None:
    """Print the scores, and where the runs are."""
    console = Console()
    table = Table("model", "version", *(_HEADINGS.get(name, name) for name in metrics))
    for model in registered:
        table.add_row(model.name, model.version, *(f"{model.metrics[name]:.4f}" for name in metrics))
    console.print(table)
    for model in registered:
        console.print(f"{model.name}: {model.run_url}", soft_wrap=True, highlight=False)
