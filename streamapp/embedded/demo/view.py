"""Renders a snapshot: a screen for terminals, a line for logs. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streamapp.embedded.demo.check import Summary
from streamapp.embedded.demo.plan import Place, Plan
from streamapp.embedded.demo.snapshot import Last, Running, Snapshot

#: Said of a run whose counts add up.
PASSED: Final = Text("✓ Everything sent was predicted or dead-lettered, and Redis and the CSV have it.", "bold green")
_STYLES: Final = {"starting": "yellow", "ready": "green", "stopped": "dim"}


def screen(snapshot: Snapshot, addresses: Sequence[tuple[str, str]]) -> RenderableType:
    """Return the whole screen."""
    upper = Table.grid(expand=True)
    upper.add_column(ratio=3)
    upper.add_column(ratio=2)
    upper.add_row(_panel("Records", _records(snapshot)), _panel("Processes", _processes(snapshot.running)))
    head = Text.assemble(("streamapp demo", "bold"), f" · {snapshot.elapsed:.0f} s · ", (snapshot.phase, "cyan"))
    head.append(f" · {snapshot.note}" if snapshot.note else "", "dim")
    return Group(head, upper, _panel("Last predictions", _last(snapshot)), _panel("Open", _links(addresses)))


def line(snapshot: Snapshot) -> str:
    """Return the counts in one line."""
    counts = (
        f"sent {snapshot.sent:,}",
        f"predicted {snapshot.predictions:,}",
        f"dead letters {sum(snapshot.dead_letters.values()):,}",
        f"rejected {_number(snapshot.rejected)}",
        f"lag {snapshot.lag:,}",
        f"{snapshot.rows_per_second:,.0f} rows/s",
        f"p50 {_number(snapshot.p50_ms)} ms",
        f"p99 {_number(snapshot.p99_ms)} ms",
    )
    return f"{_clock(snapshot)} {' · '.join(counts)}"


def changes(before: Snapshot | None, after: Snapshot) -> list[str]:
    """Return a line for each thing that changed between two snapshots, apart from the counts."""
    before = before or Snapshot("", 0.0)
    news = [after.phase] if after.phase != before.phase else []
    news += [f"{running.name} {running.state}" for running in after.running if running not in before.running]
    news += [after.note] if after.note not in {before.note, ""} else []
    return [f"{_clock(after)} {text}" for text in news]


def addresses(plan: Plan, place: Place) -> list[tuple[str, str]]:
    """Return what a person can open, with what it is."""
    ports = plan.ports
    return [
        (f"http://localhost:{ports.api}/docs", "send a record"),
        (f"http://localhost:{ports.requests}/predict", "send a record, wait for its prediction"),
        (f"http://localhost:{ports.mlflow}", "MLflow: the models, their metrics and plots"),
        (f"localhost:{ports.broker}", f"the broker: kcat -b localhost:{ports.broker} -t predictions"),
        (f"localhost:{ports.redis}", f"Redis: redis-cli -p {ports.redis} xlen mlops_predictions"),
        (str(place.settings.csv_path), "the CSV"),
    ]


def report(summary: Summary, failed: int) -> RenderableType:
    """Return the summary, and how many requests of the producer failed, where any did."""
    values = [
        ("sent", f"{summary.sent:,}"),
        ("rejected", f"{summary.rejected:,} (bad requests that the edge answered with a 4xx)"),
        ("predictions", f"{summary.predictions:,}"),
        ("dead letters", f"{summary.dead_letters:,}"),
        ("in the Redis mirror", f"{summary.mirrored:,}"),
        ("in the CSV", f"{summary.csv_rows:,}"),
        ("rows/s", f"{summary.rows_per_second:,.1f}"),
        ("p50 / p99", f"{_number(summary.p50_ms)} / {_number(summary.p99_ms)} ms"),
        ("first prediction after", f"{_number(summary.first_prediction_s)} s"),
    ]
    if failed:
        values.insert(2, ("failed", f"{failed:,} (requests with no answer, or a 5xx)"))
    return _panel("Summary", pairs(values))


def pairs(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Return two columns: names or addresses, and what stands behind them."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, "cyan"), value)
    return table


def _records(snapshot: Snapshot) -> Table:
    dead = " ".join(f"{code} {count}" for code, count in sorted(snapshot.dead_letters.items()))
    return pairs(
        (
            ("sent", f"{snapshot.sent:,}"),
            ("predicted", f"{snapshot.predictions:,}"),
            (
                "dead letters",
                Text(f"{sum(snapshot.dead_letters.values()):,} ", no_wrap=True, overflow="ellipsis").append(
                    dead, "dim"
                ),
            ),
            ("rejected", _number(snapshot.rejected)),
            ("lag", f"{snapshot.lag:,}"),
            ("rows/s", f"{snapshot.rows_per_second:,.0f}"),
            ("p50 / p99", f"{_number(snapshot.p50_ms)} / {_number(snapshot.p99_ms)} ms"),
        )
    )


def _links(addresses: Iterable[tuple[str, str]]) -> Text:
    lines = [Text.assemble((address, "cyan"), f"  {what}") for address, what in addresses]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _processes(running: Iterable[Running]) -> Table:
    table = Table.grid(padding=(0, 2))
    for process in (process for process in running if process.state != "done"):
        style = _STYLES.get(process.state, "red")
        table.add_row(process.name, Text(process.state, style))
    return table


def _last(snapshot: Snapshot) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for last in snapshot.last:
        table.add_row(Text(last.model, "cyan"), _labels(last), f"{_number(last.latency_ms)} ms", Text(last.id, "dim"))
    return table if snapshot.last else Text("none yet", "dim")


def _labels(last: Last) -> str:
    """Return the first label, and how many rows the request has beside it."""
    more = len(last.labels) - 1
    return f"{last.labels[0]} (+{more} rows)" if more else last.labels[0]


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", box=ROUNDED, border_style="dim")


def _clock(snapshot: Snapshot) -> str:
    return f"[{snapshot.elapsed:5.1f} s]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"
