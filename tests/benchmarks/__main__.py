"""`make bench`: measures everything side by side, prints the targets, writes `var/bench.json`.

make bench                                   all of it
make bench QUICK=1                           fewer records, fewer rounds
make bench ARGS="--only throughput,edge"     some sections
"""

import argparse
import asyncio
import logging
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apache_kafka
import pytest
from chaos import surroundings
from rich.console import Console

from benchmarks import page, plots, report
from benchmarks.run import ASKED, QUICK, SECTIONS, Options, Ran, run

_ROUNDS: Final = 5
_QUICK_ROUNDS: Final = 1
_PAGE: Final = Path("docs/performance.md")


def main() -> None:
    """Read the command line, measure, report; exits with 1 where a section failed."""
    options = _options()
    if reason := apache_kafka.missing():
        sys.exit(reason)
    surroundings.forget()
    # A topic that was made a moment ago is not known yet or has no leader, and each request that is repeated for that
    # is told, even as an error. What fails in the end raises.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    started = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.0f} s[/dim]  {what}", highlight=False)

    _keep([], options.out)  # in the place of what a run before has found
    with scratch() as folder:
        chosen = Options(
            only=options.only or (QUICK if options.quick else SECTIONS),
            rounds=options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS),
            quick=options.quick,
            registry=options.registry,
            folder=folder,
            kept=options.out,
        )
        try:
            ran = asyncio.run(_until_told(run(chosen, say, lambda ran: _keep(ran, options.out))))
        except (KeyboardInterrupt, asyncio.CancelledError):
            console.print(f"Ended. The sections that were done are in {options.out / 'bench.json'}", highlight=False)
            sys.exit(128 + signal.SIGINT)
    _report(ran, options, console, time.monotonic() - started)
    sys.exit(1 if any(each.section is None for each in ran) else 0)


@contextmanager
def scratch() -> Iterator[Path]:
    """Have a folder while the block runs, for the temporary files of all that is started, too: it leaves no other."""
    with tempfile.TemporaryDirectory(prefix="streamapp-bench-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


async def _until_told(work: Awaitable[list[Ran]]) -> list[Ran]:
    """Do it, and end it at a SIGTERM as at a Ctrl-C: with all that was started."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _keep(ran: list[Ran], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_bytes(report.as_json(ran, _command(), _now()))


def _command() -> str:
    return f"make bench ARGS={shlex.quote(shlex.join(sys.argv[1:]))}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _report(ran: list[Ran], options: argparse.Namespace, console: Console, seconds: float) -> None:
    if options.write:
        _write(ran, seconds)
    for each in ran:
        if each.section is None:
            console.print(f"{each.name} failed:\n{each.failure}", highlight=False, markup=False)
    console.print(report.table(report.measured(ran)))
    console.print(f"All figures are in {options.out / 'bench.json'}; it took {_minutes(seconds)}.", highlight=False)


def _minutes(seconds: float) -> str:
    return "{} min {} s".format(*divmod(round(seconds), 60))


def _write(ran: list[Ran], seconds: float) -> None:
    """Write the page, and its pictures beside it."""
    sections = [each.section for each in ran if each.section is not None]
    pictures = plots.draw(sections, _PAGE.parent)
    versions = ", ".join(f"{name} {number}" for name, number in report.versions().items())
    facts = (
        f"Run on {_now()[:10]} by `{_command()}`, in {_minutes(seconds)}",
        f"Machine: {report.machine()}",
        f"Versions: {versions}",
    )
    _PAGE.write_text(page.replaced(_PAGE.read_text(), page.run(sections, facts, pictures)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"a short run: fewer records, one round, {', '.join(QUICK)}"
    )
    parser.add_argument("--only", type=_sections, help=f"sections, with commas: {', '.join((*SECTIONS, *ASKED))}")
    parser.add_argument("--rounds", type=int, help=f"times that each is measured (default: {_ROUNDS})")
    parser.add_argument("--registry", help="URL of an MLflow server that has the models; default: train some")
    parser.add_argument("--out", type=Path, default=Path("var"), help="for bench.json (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {_PAGE} too")
    return parser.parse_args()


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - {*SECTIONS, *ASKED}:
        raise argparse.ArgumentTypeError(f"no section is called {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    main()
