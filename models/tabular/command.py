"""`streamapp train --csv FILE --target COLUMN`: the answers to what can be wrong, and what is printed at the end."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import typer

from models.registry import Registered
from models.tabular import Kind, Library, data
from models.tabular.data import Table
from models.tabular.errors import TableError
from models.tabular.train import example_row, name_of
from models.tabular.train import train as fit_and_register
from streamapp.contracts.settings import Settings
from streamapp.runtimes.manifests import manifests_of

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Wanted(NamedTuple):
    """What the command line asks for; see there.

    Attributes:
        csv: `--csv`.
        target: `--target`.
        name: `--name`.
        library: `--with`.
        task: `--task`.
        seed: `--seed`.
        seconds: `--time-limit`.
    """

    csv: Path
    target: str | None
    name: str | None
    library: Library
    task: Kind | None
    seed: int
    seconds: float


def load(wanted: Wanted) -> Table:
    """Read the table.

    Raises:
        typer.BadParameter: It cannot be learned from; the message says why and what to do.
    """
    if wanted.target is None:
        raise typer.BadParameter("Say which column to predict.", param_hint="--target")
    try:
        return data.load(wanted.csv, wanted.target, wanted.seed, wanted.task)
    except TableError as exc:
        raise typer.BadParameter(str(exc), param_hint="--csv, --target") from None


def train(wanted: Wanted, table: Table, settings: Settings, uri: str, step: Callable[[str], None]) -> Registered:
    """Train the model and register it in the MLflow server at `uri`.

    Raises:
        typer.BadParameter: Its name cannot be used, or its library is not installed.
        mlflow.exceptions.MlflowException: The server does not answer or refused.
        SettingsError: The manifest cannot be written.
    """
    name = _name(wanted, settings)
    for column, reason in table.left_out.items():
        step(f"{column}: not used, {reason}")
    try:
        return fit_and_register(
            table,
            name=name,
            tracking_uri=uri,
            library=wanted.library,
            seed=wanted.seed,
            seconds=wanted.seconds,
            alias=settings.registry_alias,
            manifests=manifests_of(settings),
            step=step,
        )
    except TableError as exc:
        raise typer.BadParameter(str(exc), param_hint="--with") from None


def invitation(name: str, table: Table, settings: Settings, uri: str) -> str:
    """Return where the model is served, with a command that asks it.

    Args:
        name: Its name.
        table: What it was trained on.
        settings: The settings in force.
        uri: MLflow server that has it; one of our own ends with the training.
    """
    who = "Running workers serve" if uri == settings.mlflow_tracking_uri else "`streamapp demo`, once started, serves"
    body = msgspec.json.encode({"data": [example_row(table)]}).decode()
    url = f"http://{settings.api_host}:{settings.api_port}/predict_stream?model={name}"
    return (
        f"{who} it within seconds: POST /predict_stream?model={name}\n"
        f"curl -X POST {shlex.quote(url)} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )


def _name(wanted: Wanted, settings: Settings) -> str:
    """Return the name that the model gets: the one that is given, or one made from the file's.

    Raises:
        typer.BadParameter: It cannot stand in a URL, or is another model's.
    """
    chosen = wanted.name or name_of(wanted.csv)
    if not _NAME.fullmatch(chosen):
        raise typer.BadParameter(
            f"{chosen!r}: letters, digits, hyphens and underscores are possible, a hundred at most.",
            param_hint="--name",
        )
    taken = {alias for alias, registered in settings.models.items() if alias != registered}
    if chosen in taken | {settings.models[alias] for alias in taken}:
        raise typer.BadParameter(f"{chosen!r} is the name of another model (STREAMAPP_MODELS).", param_hint="--name")
    return chosen
