"""`make fuzz`: random input for as long as one likes. Says how far it is, keeps what fails, and ends with 1 then."""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random, SystemRandom
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from unique import unique_settings

from fuzz import edge
from fuzz.properties import PROPERTIES, Property
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port

#: Inputs of a property, and requests, in one round.
_EXAMPLES: Final = 500
_REQUESTS: Final = 400
_KEPT: Final = Path("var/fuzz")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Findings:
    """What was tried and what failed."""

    def __init__(self, seconds: float) -> None:
        self._started = time.monotonic()
        self._seconds = seconds
        self.tried: dict[str, int] = {}
        self.failed: set[str] = set()

    @property
    def over(self) -> bool:
        return time.monotonic() - self._started >= self._seconds

    def note(self, name: str, count: int) -> None:
        self.tried[name] = self.tried.get(name, 0) + count
        say(f"{time.monotonic() - self._started:6.0f} s  {name}: {self.tried[name]:,}")

    def fail(self, name: str, number: int) -> None:
        """Keep a failure; what has failed is not tried again."""
        self.failed.add(name)
        _KEPT.mkdir(parents=True, exist_ok=True)
        path = _KEPT / f"{name}-{number}.txt"
        path.write_text(traceback.format_exc())
        say(f"FAILED  {name}, see {path}:\n{traceback.format_exc()[-3000:]}")

    def attempt(self, name: str, number: int, count: int, run: Callable[[], None]) -> None:
        if name in self.failed:
            return
        try:
            run()
        except BaseException as exc:
            if isinstance(exc, KeyboardInterrupt | SystemExit):
                raise
            self.fail(name, number)
        else:
            self.note(name, count)


def _check(property_: Property, number: int) -> None:
    configured = settings(
        max_examples=_EXAMPLES,
        database=DirectoryBasedExampleDatabase(_KEPT / "examples"),
        deadline=None,
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(configured(given(property_.inputs)(property_.holds)))()


def _rounds(findings: Findings, numbers: Iterable[int], runner: asyncio.Runner, under_test: edge.Edge) -> None:
    for number in numbers:
        for property_ in PROPERTIES:
            if findings.over:
                return
            name = property_.holds.__name__
            findings.attempt(name, number, _EXAMPLES, lambda p=property_, n=number: _check(p, n))  # type: ignore[misc]
        random = Random(number)  # noqa: S311  # no secret
        findings.attempt(
            "damaged_requests",
            number,
            _REQUESTS,
            lambda random=random: runner.run(under_test.fuzz(random, _REQUESTS)),  # type: ignore[misc]
        )


async def _start(processes: Processes, folder: Path) -> edge.Edge:
    port, redis = free_port(), free_port()
    await processes.run(services.broker(port))
    await processes.run(services.valkey(redis, folder))
    return await edge.start(processes, unique_settings(f"127.0.0.1:{port}", f"redis://127.0.0.1:{redis}/0", folder))


def main() -> int:
    """Run for the given time.

    Returns:
        0 where everything held, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    given_ = parser.parse_args()
    say(f"make fuzz DURATION={given_.duration:g} SEED={given_.seed}")
    findings = Findings(given_.duration)
    random = Random(given_.seed)  # noqa: S311  # no secret
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        processes = Processes(Path(folder) / "logs")
        runner.run(processes.__aenter__())
        try:
            under_test = runner.run(_start(processes, Path(folder)))
            _rounds(findings, iter(lambda: random.randrange(2**32), None), runner, under_test)
        finally:
            runner.run(processes.__aexit__(None, None, None))
    say(f"{sum(findings.tried.values()):,} inputs, {len(findings.failed)} of the properties failed.")
    return 1 if findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
