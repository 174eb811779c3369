"""Runs the checks side by side: each for a bounded time, and none for the failure of another."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from aiokafka.errors import KafkaError

from streamapp.contracts.errors import SettingsError, StreamappError
from streamapp.doctor.findings import Fault, Said, error
from streamapp.doctor.report import Report, Result, Status, report, result, skipped
from streamapp.doctor.visit import Check, Visit

#: How often a check looks where the broker asks for patience: it elects a leader, say, or makes its first group.
_ATTEMPTS: Final = 3
#: Seconds between.
_PAUSE: Final = 0.5


async def run(
    checks: Sequence[Check],
    visit: Visit,
    *,
    told: Callable[[Result], None] = lambda _: None,
) -> Report:
    """Run all checks, those that others need before them; whatever becomes of one, the others run.

    Args:
        checks: What to run; one is behind those that it needs.
        visit: What to look at.
        told: Is told each result as it comes.
    """
    begun = time.monotonic()
    running: dict[str, asyncio.Task[Result]] = {}
    for check in checks:
        needed = {name: running[name] for name in check.needs if name in running}
        running[check.name] = asyncio.create_task(_result(check, visit, needed, told))
    return report(await asyncio.gather(*running.values()), time.monotonic() - begun)


def without_settings(checks: Sequence[Check], exc: SettingsError) -> Report:
    """Return the report where the settings are wrong: nothing else can be looked at then."""
    first, *others = checks
    about, _, what = str(exc).partition(": ")
    wrong = error(
        Fault.SETTING_WRONG,
        about if what else "settings",
        f"{(what or about).replace('Value error, ', '').rstrip('.')}.",
        "Correct it in the environment, in .env or in its file; README.md has all settings.",
    )
    return report(
        [result(first.name, [wrong], 0.0), *(skipped(one.name, f"needs {first.name}") for one in others)], 0.0
    )


async def _result(
    check: Check,
    visit: Visit,
    needed: Mapping[str, asyncio.Task[Result]],
    told: Callable[[Result], None],
) -> Result:
    await asyncio.gather(*needed.values())
    failed = [name for name, task in needed.items() if task.result().status in {Status.ERROR, Status.SKIPPED}]
    found = skipped(check.name, f"needs {' and '.join(failed)}") if failed else await _looked(check, visit)
    told(found)
    return found


async def _looked(check: Check, visit: Visit) -> Result:
    """Return what a check said; also what it said before it failed, or until its time was over."""
    begun = time.monotonic()
    said: list[Said] = []
    try:
        async with asyncio.timeout(visit.timeout):
            for left in reversed(range(_ATTEMPTS)):
                try:
                    await _look(check, visit, said)
                    break
                except KafkaError as exc:
                    if not exc.retriable or not left:
                        raise
                said.clear()
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        said.append(_timed_out(check, visit.timeout))
    except Exception as exc:  # noqa: BLE001  # a check that fails must not hide what the others see
        said.append(_failed(check, exc))
    return result(check.name, said, time.monotonic() - begun)


async def _look(check: Check, visit: Visit, said: list[Said]) -> None:
    async with aclosing(check.look(visit)) as looks:
        async for one in looks:
            said.append(one)  # noqa: PERF401  # what was said before a failure is kept


def _timed_out(check: Check, timeout: float) -> Said:
    return error(
        Fault.CHECK_TIMED_OUT,
        check.name,
        f"What was asked had no answer within {timeout:g} s.",
        "See whether what it asks hangs or is overloaded; --timeout gives it more time.",
    )


def _failed(check: Check, exc: Exception) -> Said:
    expected = isinstance(exc, StreamappError)
    return error(
        Fault.CHECK_FAILED,
        check.name,
        str(exc) if expected else f"The check failed: {exc!r}",
        "Mend what it names."
        if expected
        else "What else is found may explain it; if nothing does, please report it.",
    )
