"""The command line of the edge: `python -m api`, and `streamapp api`."""

from typing import Annotated

import typer

from streamapp.contracts.settings import load_settings

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. (default: STREAMAPP_API_HOST)")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port to listen on. (default: STREAMAPP_API_PORT)")
    ] = None,
    also_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="A second port to listen on. (default: STREAMAPP_API_ALSO_PORT)"),
    ] = None,
) -> None:
    """Serve the HTTP edge."""
    from api.server import serve as run

    given = {"api_host": host, "api_port": port, "api_also_port": also_port}
    run(load_settings(**{name: value for name, value in given.items() if value is not None}))
