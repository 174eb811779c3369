"""`streamapp models trust | verify`: which models may be loaded, as far as somebody has vouched for their files."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from streamapp.cli.terminal import printable
from streamapp.contracts.settings import load_settings

if TYPE_CHECKING:
    from streamapp.runtimes.vouching import Vouched, Voucher

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in the registry, or its alias in STREAMAPP_MODELS.")]
_Version = Annotated[
    str | None, typer.Argument(metavar="VERSION", help="Version in the registry. (default: the one to be served)")
]


def trust(name: _Name, version: _Version = None) -> None:
    """Vouch for a version of a model: write the digests of its files to STREAMAPP_MODEL_MANIFESTS.

    Workers that refused it load it within seconds. Nothing of it is loaded here; whoever vouches for a version has to
    know from elsewhere that it is what its author made.
    """
    vouched = _voucher().vouch(name, version)
    typer.echo(_said(vouched))
    if vouched.code:
        typer.echo(f"These run code of their own when it is loaded: {printable(', '.join(vouched.code))}.")


def verify(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="As above. (default: all to be served)")] = None,
    version: _Version = None,
) -> None:
    """Check the files of models against their manifests; nothing of them is loaded.

    The exit code is 1 where one may not be loaded.
    """
    objections = 0
    for one, objection in _voucher().verify(name, version):
        typer.echo(printable(objection or f"{one.name} {one.version}: as in its manifest."))
        objections += bool(objection)
    if objections:
        raise typer.Exit(1)


def _voucher() -> "Voucher":
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from streamapp.runtimes.vouching import Voucher

    return Voucher(load_settings())


def _said(vouched: "Vouched") -> str:
    version, size = vouched.version, sum(file.size for file in vouched.files.values())
    return printable(
        f"{version.name} {version.version}: {len(vouched.files)} files, {size:,} bytes, vouched for in "
        f"{vouched.manifest}."
    )
