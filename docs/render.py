"""Writes what the code says into the documentation: `make docs`.

The table of settings in README.md comes from the settings, problems.md from what the edge tells of each problem.
"""

import re
from pathlib import Path

from api.documents import problem_pages
from streamapp.contracts.settings import Settings, variable
from streamapp.contracts.shown import masked

README = Path(__file__).parents[1] / "README.md"
PROBLEMS = Path(__file__).parent / "problems.md"
MARKS = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    rows = [
        f"| `{variable(name)}` | {_code(masked(field.default))} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "| --- | --- | --- |", *rows]) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def rendered(text: str) -> str:
    """Return the README's text with the table as it should be."""
    return MARKS.sub(lambda found: f"{found[1]}{settings_table()}{found[2]}", text)


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
    PROBLEMS.write_text(problem_pages.markdown())
