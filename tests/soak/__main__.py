"""`make soak DURATION=600 RATE=2000 BROKER=kafka|embedded`: holds a load and watches memory and lag."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

import apache_kafka
import msgspec
from chaos import surroundings
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from soak import plot
from soak.figures import Figures
from soak.hold import Plan, soak
from soak.stack import EMBEDDED, KAFKA

_SHORTEST: Final = 20.0


def main() -> None:
    """Read the command line, run, and exit with 0 where memory and lag stayed in bounds."""
    options = _options()
    if options.broker == KAFKA and (reason := apache_kafka.missing()):
        sys.exit(reason)
    surroundings.forget()
    console = Console()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="streamapp-soak-")).resolve()
    plan = Plan(options.broker, options.duration, options.rate or None)
    found, samples = asyncio.run(soak(plan, folder, lambda what: console.print(what, highlight=False)))
    options.out.mkdir(parents=True, exist_ok=True)
    content = {"figures": found, "wrong": found.wrong(), "samples": samples}
    (options.out / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    plot.draw(found, samples, options.out / "soak.png")
    _show(found, console)
    console.print(f"{options.out / 'soak.png'}, {options.out / 'soak.json'}; logs are in {folder}", soft_wrap=True)
    sys.exit("; ".join(found.wrong()) or 0)


def _show(found: Figures, console: Console) -> None:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("resident memory, MiB")
    for heading in (f"after {found.settling:.0f} s", "most", "end of load", "growth"):
        table.add_column(heading, justify="right")
    for name, one in found.growth.items():
        table.add_row(
            name, f"{one.settled_mib:.1f}", f"{one.most_mib:.1f}", f"{one.end_mib:.1f}", f"{one.percent:.1f} %"
        )
    console.print(table)
    level = "not in time" if found.level_s is None else f"in {found.level_s:.1f} s"
    console.print(
        f"records/s: {found.processed:,.0f} processed of {found.rate:,.0f} sent; capacity {found.capacity:,.0f}\n"
        f"lag: median {found.lag_median:,.0f}, most {found.lag_max:,}, at last {found.lag_end}; level {level}\n"
        f"requests to the edge without an answer, or with a 5xx: {found.http_failed}",
        highlight=False,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--duration", type=_seconds, default=600.0, help="seconds of load (default: %(default)g)")
    parser.add_argument("--rate", type=float, default=0.0, help="records/s (default: about 70 %% of the capacity)")
    parser.add_argument("--broker", choices=(KAFKA, EMBEDDED), default=KAFKA, help="(default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("var"), help="for soak.json, soak.png (default: %(default)s)"
    )
    parser.add_argument("--keep", help="new folder for logs and data (default: a temporary one)")
    return parser.parse_args()


def _seconds(text: str) -> float:
    if (seconds := float(text)) < _SHORTEST:
        raise argparse.ArgumentTypeError(f"at least {_SHORTEST:g} s")
    return seconds


if __name__ == "__main__":
    main()
