"""Shows snapshots: in place on a terminal, else as lines."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live

from streamapp.embedded.demo import view
from streamapp.embedded.demo.snapshot import Snapshot

#: Seconds between two lines of counts where the output is no terminal.
_EVERY: Final = 5.0


class Screen:
    """Where the demo shows itself.

    Args:
        console: A terminal, or a file or pipe.
        addresses: What a person can open.
    """

    def __init__(self, console: Console, addresses: Sequence[tuple[str, str]]) -> None:
        self.console = console
        self._addresses = addresses
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._before: Snapshot | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        else:
            self._print(f"{address}  {what}" for address, what in self._addresses)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Show a moment."""
        if self._live is not None:
            self._live.update(view.screen(snapshot, self._addresses), refresh=True)
        else:
            self._print_news(snapshot)
        self._before = snapshot

    def _print_news(self, snapshot: Snapshot) -> None:
        lines = view.changes(self._before, snapshot)
        if snapshot.sent and snapshot.elapsed >= self._next_line:
            self._next_line = snapshot.elapsed + _EVERY
            lines.append(view.line(snapshot))
        self._print(lines)

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
