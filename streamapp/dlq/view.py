"""Dead letters for a person: tables, one letter in full, what a redrive did."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from rich.box import HORIZONTALS
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from streamapp.dlq.entries import Entry
from streamapp.dlq.letters import Letter
from streamapp.dlq.plan import WHY, Stays
from streamapp.dlq.redrive import Summary
from streamapp.dlq.stats import Stats
from streamapp.dlq.times import plain

_LIVE_SECONDS: Final = 0.2
#: Most lines of one table of counts: aliases of models are whatever was asked for.
_MOST: Final = 20
_HEX_BYTES: Final = 16


def listed(entries: Sequence[Entry], total: int, console: Console) -> None:
    """Print dead letters as a table, and how many there are beyond it."""
    table = Table(box=HORIZONTALS, show_lines=True, expand=True, pad_edge=False)
    table.add_column("Id, reason", overflow="fold", ratio=1)
    table.add_column("Code, model", overflow="fold", max_width=20)
    table.add_column("When (UTC), attempt", no_wrap=True)
    for entry in entries:
        table.add_row(_stacked(entry.id, entry.message), _stacked(entry.code, entry.model), _when(entry))
    console.print(table)
    if len(entries) < total:
        console.print(f"The newest {len(entries):,} of {total:,}. --limit shows more.", highlight=False)


def shown(letter: Letter, console: Console) -> None:
    """Print one dead letter in full."""
    dead = letter.dead
    facts = {
        "id": letter.id,
        "code": f"{letter.code} ({dead.error})" if dead.error else letter.code,
        "reason": dead.message,
        "model": f"{dead.model} {dead.version and f'version {dead.version}'}".strip(),
        "attempt": str(dead.attempt),
        "failed": dead.time,
        "request": f"{dead.topic}-{dead.partition} at offset {dead.offset}",
        "letter": f"{letter.topic}-{letter.partition} at offset {letter.offset}, {plain(letter.timestamp)} UTC",
        "redriven": "no" if letter.redriven is None else f"{plain(letter.redriven)} UTC",
        "key": _brief(dead.key),
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, _safe(value))
    for header, content in dead.headers:
        table.add_row("header", _safe(f"{header}: {_brief(content)}"))
    console.print(table)
    console.print()
    console.print(_body(letter), soft_wrap=True, highlight=False)


def counted(stats: Stats, console: Console) -> None:
    """Print counts by code, by model and by hour."""
    console.print(f"Waiting: {_letters(stats.letters)}. Redriven: {stats.redriven:,}.", highlight=False)
    for title, counts in (("Code", stats.codes), ("Model", stats.models), ("Hour (UTC)", stats.hours)):
        if counts:
            console.print(_counts(title, counts))


def summed(summary: Summary, console: Console) -> None:
    """Print what a redrive did, or would do."""
    console.print(_sentence(summary), highlight=False)
    for reason, number in summary.stayed.items():
        console.print(f"Not redriven: {number:,}, {WHY[Stays(reason)]}.", highlight=False)


@asynccontextmanager
async def followed(summary: Callable[[], Summary], console: Console) -> AsyncIterator[None]:
    """Show what a redrive has done so far until the block is left; nothing where there is no terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)

        async def follow() -> None:
            while True:
                progress.update(task, description=_sentence(summary()))
                await asyncio.sleep(_LIVE_SECONDS)

        follower = asyncio.create_task(follow())
        try:
            yield
        finally:
            follower.cancel()
            await asyncio.wait([follower])


def _sentence(summary: Summary) -> str:
    verb = "would be redriven" if summary.dry_run else "redriven"
    already = f", {summary.already:,} redriven before" if summary.already else ""
    return f"{_letters(summary.redriven)} {verb}{already}."


def _letters(number: int) -> str:
    return "1 dead letter" if number == 1 else f"{number:,} dead letters"


def _when(entry: Entry) -> Text:
    text = Text(_to_the_second(entry.time)).append(f"\nattempt {entry.attempt}", "dim")
    if entry.redriven is not None:
        text.append(f", redriven\n{_to_the_second(entry.redriven)}", "green")
    return text


def _to_the_second(time: str) -> str:
    return time[:19].replace("T", " ")


def _counts(title: str, counts: Mapping[str, int]) -> Table:
    table = Table(title, "Letters", box=HORIZONTALS)
    table.columns[1].justify = "right"
    rows = list(counts.items())
    shown, rest = (rows[-_MOST:], rows[:-_MOST]) if title.startswith("Hour") else (rows[:_MOST], rows[_MOST:])
    for name, number in shown:
        table.add_row(_safe(name or "(none)"), f"{number:,}")
    if rest:
        table.add_row(f"({len(rest):,} more)", f"{sum(number for _, number in rest):,}")
    return table


def _stacked(first: str, second: str) -> Text:
    return _safe(first).append("\n").append(_safe(second, "dim")) if second else _safe(first)


def _body(letter: Letter) -> Text:
    value = letter.dead.value
    if letter.left_out:
        return Text("(the bytes did not fit this topic; they are where the request stands)", "dim")
    if value is None:
        return Text("(null)", "dim")
    text = _as_text(value)
    return Text(_hex(value)) if text is None else Text(text)


def _brief(value: bytes | None) -> str:
    if value is None:
        return "(null)"
    return _as_text(value) or f"0x{value.hex()}"


def _as_text(value: bytes) -> str | None:
    """Return bytes as text that a terminal can be given; None where they are none."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if all(part.isprintable() for part in text.split()) else None


def _hex(value: bytes) -> str:
    starts = range(0, len(value), _HEX_BYTES)
    return "\n".join(f"{start:08x}  {value[start : start + _HEX_BYTES].hex(' ')}" for start in starts)


def _safe(text: str, style: str = "") -> Text:
    """Return text that does nothing to a terminal but be seen."""
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), style)
