"""`python -m chaos.report`: writes the table of results into docs/reliability.md, from var/chaos.json."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos.result import Result, load
from chaos.screen import figures, verdict

_ROOT: Final = Path(__file__).parents[2]
PAGE: Final = _ROOT / "docs/reliability.md"
RESULTS: Final = _ROOT / "var/chaos.json"
MARKS: Final = re.compile(r"(<!-- chaos -->\n).*?(<!-- /chaos -->)", re.DOTALL)
_HEAD: Final = (
    "| fault | | guarantee | broker | records | accepted | lost | repeated | seconds to heal | |",
    "| ---: | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
)


def table(results: Sequence[Result]) -> str:
    """Return results as a Markdown table."""
    return "\n".join([*_HEAD, *map(_row, results)]) + "\n"


def rendered(text: str, results: Sequence[Result]) -> str:
    """Return the page's text with the table as it should be."""
    return MARKS.sub(lambda found: f"{found[1]}{table(results)}{found[2]}", text)


def main(path: Path = RESULTS) -> None:
    """Write the table."""
    PAGE.write_text(rendered(PAGE.read_text(), load(path)))


def _row(result: Result) -> str:
    kept = (
        str(result.fault),
        result.title,
        f"`{result.guarantee}`",
        result.broker,
        *figures(result),
        verdict(result),
    )
    return f"| {' | '.join(kept)} |"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
