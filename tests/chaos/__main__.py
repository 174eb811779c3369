"""`make chaos FAULTS=1,2,17 SEED=7 RECORDS=5000 BROKER=kafka|embedded|both`: runs the suite."""

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from chaos import faults, result, surroundings
from chaos.result import Result
from chaos.run import AT_LEAST_ONCE, EMBEDDED, KAFKA, RECORDS, Plan, run, succeeded
from chaos.screen import Screen
from chaos.trial import EXACTLY_ONCE

_BROKERS: Final = {KAFKA: (KAFKA,), EMBEDDED: (EMBEDDED,), "both": (KAFKA, EMBEDDED)}


def main() -> None:
    """Read the command line, run, and exit with 0 where all that could be run passed."""
    options = _options(sys.argv[1:])
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    plan = Plan(options.faults, _BROKERS[options.broker], options.guarantee, seed, options.records)
    surroundings.forget()
    logging.disable(logging.CRITICAL)  # aiokafka logs every attempt at a broker that is away on purpose
    console = Console()
    console.print(f"seed {seed}  (again: {again(plan, options.broker)})", highlight=False, soft_wrap=True)
    folder = Path(options.keep or tempfile.mkdtemp(prefix="streamapp-chaos-")).resolve()
    results = asyncio.run(_run(plan, folder, options.out, console))
    Screen(console).table(results)
    sys.exit(not succeeded(results))


def again(plan: Plan, broker: str) -> str:
    """Return the command that repeats a run."""
    numbers = ",".join(map(str, plan.faults))
    what = f"SEED={plan.seed} FAULTS={numbers} RECORDS={plan.records} BROKER={broker}"
    return f'make chaos {what} ARGS="--guarantee {plan.guarantee}"'


async def _run(plan: Plan, folder: Path, out: Path, console: Console) -> list[Result]:
    results: list[Result] = []
    start = time.monotonic()
    with Screen(console) as screen:
        async for one in run(plan, folder, screen.tell):
            results.append(one)
            screen.show(one)
            result.save(results, out)
    console.print(f"{time.monotonic() - start:.0f} s; logs are in {folder}", highlight=False, soft_wrap=True)
    return results


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--faults", type=_numbers, default=tuple(faults.load()), help="numbers with commas (default: all)"
    )
    parser.add_argument("--seed", type=int, help="(default: a new one, which is printed)")
    parser.add_argument(
        "--records", type=int, default=RECORDS, help="accepted a fault, at least (default: %(default)s)"
    )
    parser.add_argument("--broker", choices=_BROKERS, default=KAFKA, help="(default: %(default)s)")
    parser.add_argument(
        "--guarantee",
        choices=(EXACTLY_ONCE, AT_LEAST_ONCE),
        default=EXACTLY_ONCE,
        help="on Kafka (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path("var/chaos.json"), help="results (default: %(default)s)")
    parser.add_argument("--keep", help="new folder for logs and data (default: a temporary one)")
    return parser.parse_args(arguments)


def _numbers(text: str) -> tuple[int, ...]:
    known = faults.load()
    numbers = tuple(int(part) for part in text.split(","))
    if unknown := [str(number) for number in numbers if number not in known]:
        raise argparse.ArgumentTypeError(f"no fault {', '.join(unknown)}; there are {', '.join(map(str, known))}")
    return numbers


if __name__ == "__main__":
    main()
