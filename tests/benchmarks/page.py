"""What a run found as Markdown, for docs/performance.md. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.bench import Figure, Section
from benchmarks.report import cells
from benchmarks.targets import Measured

#: What stands between these lines of the page is written by a run; all else is written by hand.
BEGIN: Final = "<!-- bench -->"
END: Final = "<!-- /bench -->"
_HEADINGS: Final = ("target", "at least", "aim", "measured", "spread", "figures", "")
#: Figures from here on are shown without decimals.
_LARGE: Final = 100


def replaced(page: str, found: str, begin: str = BEGIN, end: str = END) -> str:
    """Return the page with what a run found in the place of what one before it found.

    Args:
        page: The page.
        found: What stands there from now on.
        begin: Line before the place.
        end: Line after it.

    Raises:
        ValueError: The page has no such place.
    """
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise ValueError(f"The page has no {begin} ... {end}")
    return f"{before}{begin}\n\n{found.strip()}\n\n{end}{after}"


def run(sections: Sequence[Section], facts: Sequence[str], pictures: dict[str, str]) -> str:
    """Return a run as Markdown.

    Args:
        sections: What the sections found.
        facts: Machine, versions, command: a line each.
        pictures: Path of the picture that goes with a section, by the section's title.
    """
    parts = ["\n".join(f"- {fact}" for fact in facts), targets([one for each in sections for one in each.measured])]
    for section in sections:
        parts += [f"## {section.title}", section.method]
        if section.title in pictures:
            parts.append(f"![{section.title}]({pictures[section.title]})")
        parts += tables(section.figures)
    return "\n\n".join(part for part in parts if part)


def targets(measured: Sequence[Measured]) -> str:
    """Return the table of targets."""
    rows = []
    for one in measured:
        *numbers, verdict = cells(one)
        rows.append((*numbers, one.detail, verdict if verdict == "pass" else f"**{verdict}**"))
    return table(_HEADINGS, rows)


def tables(figures: Sequence[Figure]) -> list[str]:
    """Return a table for each workload: who was measured down, what was measured across."""
    found = []
    for under in dict.fromkeys(figure.under for figure in figures):
        same = [figure for figure in figures if figure.under == under]
        units = list(dict.fromkeys(figure.unit for figure in same))
        values = {(figure.what, figure.unit): figure.values for figure in same}
        whats = dict.fromkeys(figure.what for figure in same)
        rows = [(what, *(shown(values.get((what, unit), ())) for unit in units)) for what in whats]
        found.append(f"{under}:\n\n{table(('', *units), rows)}")
    return found


def shown(values: Sequence[float]) -> str:
    """Return the median, with the smallest and the largest where there are several."""
    if not values:
        return ""
    median = number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    """Return a number with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.3g}"


def table(headings: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    head = list(headings)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
