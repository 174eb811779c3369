"""`streamapp keys`: the API keys that the edge takes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from streamapp.cli.terminal import print_json
from streamapp.contracts.errors import SettingsError
from streamapp.contracts.keys import ApiKey, Scope, decode_keys, encode_keys, new_key
from streamapp.contracts.settings import load_settings
from streamapp.contracts.whole_files import replace

app = typer.Typer(no_args_is_help=True, help="Add, list and revoke the API keys that the edge takes.")

_File = Annotated[
    Path | None, typer.Option("--file", metavar="PATH", help="File of the keys. (default: STREAMAPP_API_KEYS_FILE)")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose the key is. Keys of one name see each other's results.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it is for; may be given several times.")],
    limit: Annotated[
        str, typer.Option(metavar="RATE", help="Its own rate limit, e.g. 100/second. (default: STREAMAPP_RATE_LIMIT)")
    ] = "",
    file: _File = None,
) -> None:
    """Make a key and print it, this once: the file keeps its digest alone. Edges take it within a second."""
    made, token = new_key(name, scopes, limit)
    with _changed(_path(file)) as keys:
        keys[made.id] = made
    typer.echo(token)


@app.command("list")
def show(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead of a table.")] = False,
    file: _File = None,
) -> None:
    """Show the keys, without what is secret in them."""
    keys = _read(_path(file))
    if json:
        print_json([_shown(key) for key in keys.values()])
    else:
        _print_table(keys)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Name of the keys, or the id of one.")],
    file: _File = None,
) -> None:
    """Remove all keys of a name, or the one with an id. Edges refuse them within a second."""
    with _changed(_path(file)) as keys:
        gone = [key for key in keys.values() if name in {key.name, key.id}]
        if not gone:
            raise SettingsError(f"No key has the name or the id {name!r}; `streamapp keys list` shows them.")
        for key in gone:
            del keys[key.id]
    typer.echo(f"revoked: {', '.join(f'{key.id} ({key.name})' for key in gone)}")


def _path(given: Path | None) -> Path:
    path = given or load_settings().api_keys_file
    if path is None:
        raise SettingsError("No file of keys is named; set STREAMAPP_API_KEYS_FILE, or use --file.")
    return path


def _read(path: Path) -> dict[str, ApiKey]:
    try:
        return decode_keys(path.read_bytes())
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read ({exc.strerror}).") from None
    except SettingsError as exc:
        raise SettingsError(f"{path}: {exc}.") from None


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, ApiKey]]:
    """Give the keys to be changed, one program at a time; write them at the end."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as exc:
        raise SettingsError(f"{path.parent} cannot be read ({exc.strerror}).") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = _read(path) if path.exists() else {}
        yield keys
        _write(path, encode_keys(keys.values()))
    finally:
        os.close(folder)


def _write(path: Path, content: bytes) -> None:
    try:
        replace(path, content)
    except OSError as exc:
        raise SettingsError(f"{path} cannot be written ({exc.strerror}).") from None


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "limit": key.limit,
        "created": key.created,
    }


def _print_table(keys: dict[str, ApiKey]) -> None:
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table

    table = Table("Name", "Id", "Scopes", "Limit", "Created", box=HORIZONTALS)
    for key in keys.values():
        table.add_row(key.name, key.id, " ".join(key.scopes), key.limit or "-", key.created or "-")
    Console().print(table)
