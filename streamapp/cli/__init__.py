"""The command line, `streamapp COMMAND`. Heavy libraries are imported by the command that needs them."""

from streamapp.cli.root import app, main

__all__ = ["app", "main"]
