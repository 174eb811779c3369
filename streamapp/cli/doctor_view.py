"""What the doctor found, for a person: a line a check, and behind it what is wrong and how to mend it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.padding import Padding
from rich.status import Status as Spinner
from rich.table import Table
from rich.text import Text

from streamapp.cli.terminal import printable
from streamapp.doctor.findings import Finding, Level
from streamapp.doctor.report import Report, Result, Status

#: Word and colour of what became of a check: the word says it where there are no colours.
_STATUS: Final = {
    Status.OK: ("ok", "green"),
    Status.WARNING: ("warning", "yellow"),
    Status.ERROR: ("ERROR", "bold red"),
    Status.SKIPPED: ("skipped", "dim"),
}
_LEVEL: Final = {
    Level.ERROR: ("error", "bold red"),
    Level.WARNING: ("warning", "yellow"),
    Level.NOTE: ("note", "cyan"),
}
_WORD: Final = 8
_NAME: Final = 10
#: Checks that the line of progress names, so that it is one.
_MOST: Final = 5
_INDENT: Final = (0, 0, 0, 9)


class Progress:
    """Says on a terminal what is still being looked at; elsewhere nothing.

    Args:
        console: Where.
        names: The checks.
    """

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._left = list(names)
        self._spinner = Spinner(self._text(), console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spinner is not None:
            self._spinner.stop()

    def done(self, result: Result) -> None:
        """Take note of a check that has ended."""
        self._left.remove(result.check)
        if self._spinner is not None:
            self._spinner.update(self._text())

    def _text(self) -> str:
        more = f" and {len(self._left) - _MOST} more" if len(self._left) > _MOST else ""
        return f"Looking at {', '.join(self._left[:_MOST])}{more}"


def shown(report: Report, console: Console) -> None:
    """Print a line a check, what was found under it, and the sum."""
    for results in _together(report.checks):
        console.print(_line(results))
        for finding in results[0].findings:
            _print_finding(finding, console)
    console.print()
    console.print(_sum(report))


def _together(results: Sequence[Result]) -> Iterator[list[Result]]:
    """Yield each result alone, and neighbours that were skipped for the same reason together."""
    for _, same in groupby(results, key=lambda one: one.because or one.check):
        yield list(same)


def _line(results: Sequence[Result]) -> Table:
    word, style = _STATUS[results[0].status]
    names = ", ".join(one.check for one in results)
    said = "\n".join(results[0].seen) or results[0].because
    if len(results) > 1:
        names, said = "", f"{names}: {said}"
    line = Table.grid(padding=(0, 1))
    line.add_column(width=_WORD)
    line.add_column(min_width=_NAME)
    line.add_column(overflow="fold")
    line.add_row(Text(word, style), Text(names, "bold"), Text(_printable(said), "dim"))
    return line


def _print_finding(finding: Finding, console: Console) -> None:
    word, style = _LEVEL[finding.level]
    head = Text.assemble((f"{word}: ", style), (_printable(finding.about), "bold"), (f" ({finding.fault})", "dim"))
    for text in (head, Text(_printable(finding.what)), Text.assemble(("Mend: ", "green"), _printable(finding.mend))):
        console.print(Padding(text, _INDENT, expand=False))
    if finding.command:
        # Not wrapped: it is there to be copied.
        console.print(Text.assemble(" " * _INDENT[3], "$ ", (_printable(finding.command), "cyan")), soft_wrap=True)


def _printable(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _sum(report: Report) -> Text:
    if not report.errors and not report.warnings:
        return Text("All is well.", "green")
    counts = [(report.errors, "error", "bold red"), (report.warnings, "warning", "yellow")]
    parts = [Text(f"{count} {word}{'s' if count > 1 else ''}", style) for count, word, style in counts if count]
    return Text(", ").join(parts).append(f" in {report.seconds:.1f} s.", "not bold default")
