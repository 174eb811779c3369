"""`make bench`: measures everything side by side, prints the targets, writes `var/bench.json`.

make bench                                   all of it
make bench QUICK=1                           fewer records, fewer rounds
make bench ARGS="--only throughput,edge"     some sections
"""

import argparse
import asyncio
import logging
import shlex
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apache_kafka
from chaos import surroundings
from rich.console import Console

from benchmarks import page, plots, report
from benchmarks.run import QUICK, SECTIONS, Options, Ran, run

_ROUNDS: Final = 5
_QUICK_ROUNDS: Final = 1
_PAGE: Final = Path("docs/performance.md")


def main() -> None:
    """Read the command line, measure, report; exits with 1 where a section failed."""
    options = _options()
    if reason := apache_kafka.missing():
        sys.exit(reason)
    surroundings.forget()
    # A topic that was made a moment ago has no leader yet, and each request that is repeated for that is a warning.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    console = Console()
    started = time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - started:5.0f} s[/dim]  {what}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="streamapp-bench-") as folder:
        chosen = Options(
            only=options.only or (QUICK if options.quick else SECTIONS),
            rounds=options.rounds or (_QUICK_ROUNDS if options.quick else _ROUNDS),
            quick=options.quick,
            registry=options.registry,
            folder=Path(folder),
            kept=options.out,
        )
        ran = asyncio.run(run(chosen, say, lambda ran: _keep(ran, options.out)))
    _report(ran, options, console)
    sys.exit(1 if any(each.section is None for each in ran) else 0)


def _keep(ran: list[Ran], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.json").write_bytes(report.as_json(ran, _command(), _now()))


def _command() -> str:
    return f"make bench ARGS={shlex.quote(shlex.join(sys.argv[1:]))}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _report(ran: list[Ran], options: argparse.Namespace, console: Console) -> None:
    if options.write:
        _write(ran)
    for each in ran:
        if each.section is None:
            console.print(f"{each.name} failed:\n{each.failure}", highlight=False, markup=False)
    console.print(report.table(report.measured(ran)))
    console.print(f"All figures are in {options.out / 'bench.json'}")


def _write(ran: list[Ran]) -> None:
    """Write the page, and its pictures beside it."""
    sections = [each.section for each in ran if each.section is not None]
    pictures = plots.draw(sections, _PAGE.parent)
    versions = ", ".join(f"{name} {number}" for name, number in report.versions().items())
    facts = (f"Run on {_now()[:10]} by `{_command()}`", f"Machine: {report.machine()}", f"Versions: {versions}")
    _PAGE.write_text(page.replaced(_PAGE.read_text(), page.run(sections, facts, pictures)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"a short run: fewer records, one round, {', '.join(QUICK)}"
    )
    parser.add_argument("--only", type=_sections, help=f"sections, with commas: {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, help=f"times that each is measured (default: {_ROUNDS})")
    parser.add_argument("--registry", help="URL of an MLflow server that has the models; default: train some")
    parser.add_argument("--out", type=Path, default=Path("var"), help="for bench.json (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {_PAGE} too")
    return parser.parse_args()


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no section is called {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    main()
