"""Writes the table of settings into README.md, from the settings themselves: `make docs`."""

import re
from pathlib import Path

from streamapp.contracts.settings import Settings, variable
from streamapp.contracts.shown import masked

README = Path(__file__).parents[1] / "README.md"
MARKS = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.DOTALL)


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    rows = [
        f"| `{variable(name)}` | `{masked(field.default)}` | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "| --- | --- | --- |", *rows]) + "\n"


def rendered(text: str) -> str:
    """Return the README's text with the table as it should be."""
    return MARKS.sub(lambda found: f"{found[1]}{settings_table()}{found[2]}", text)


if __name__ == "__main__":
    README.write_text(rendered(README.read_text()))
