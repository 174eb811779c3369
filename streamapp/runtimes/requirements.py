"""What a model asks to be installed: the `requirements.txt` that MLflow keeps with it."""

import re
from collections.abc import Callable
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement


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


def unmet(text: str, version_of: Callable[[str], str]) -> list[str]:
    """Return what of a `requirements.txt` is not there: `scikit-learn==1.5.2 (1.9.0)`, or `(none)`.

    Args:
        text: Content of the file; lines that are no plain requirement say nothing.
        version_of: Returns the installed version of a package, "" where there is none.
    """
    found = []
    for line in text.splitlines():
        try:
            wanted = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue
        version = version_of(wanted.name)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        if not version or not wanted.specifier.contains(version, prereleases=True):
            found.append(f"{wanted.name}{wanted.specifier} ({version or 'none'})")
    return found
