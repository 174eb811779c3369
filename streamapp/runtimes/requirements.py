"""What a model asks to be installed: the `requirements.txt` that MLflow keeps with it."""

import re
from pathlib import Path


def requirement(path: Path, module: str) -> str:
    """Return the line that asks for a module, or the module's name where none does.

    Args:
        path: Folder with the `MLmodel` file.
        module: Name that is imported; a package with another name is not found.
    """
    file = path / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    package = re.compile(rf"{re.escape(module)}(?![\w-])", re.IGNORECASE)
    return next((line.strip() for line in lines if package.match(line)), module)
