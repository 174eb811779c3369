"""What all checks said together: the document of `streamapp doctor --json`."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from streamapp import __version__
from streamapp.contracts.codec import utc_now
from streamapp.doctor.findings import Finding, Level, Said, Seen

#: Changes when a program that reads the document has to change with it; what is added does not change it.
SCHEMA: Final = 1


class Status(StrEnum):
    """What became of a check, and of all."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class Result(Struct, frozen=True):
    """What one check said.

    Attributes:
        check: Its name.
        status: `error` where it has an error, else `warning` where it has a warning; notes change nothing.
        seconds: How long it took.
        seen: What is well.
        findings: What is not, the worst first.
        because: Why it was skipped; "" where it was not.
    """

    check: str
    status: Status
    seconds: float
    seen: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    because: str = ""


class Report(Struct, frozen=True):
    """What all checks said.

    Attributes:
        schema: Version of this document.
        streamapp: Version of who looked.
        time: When, UTC, ISO 8601.
        seconds: How long it took.
        status: `error` where a check has an error, else `warning` where one has a warning, else `ok`.
        errors: Number of errors.
        warnings: Number of warnings.
        checks: Results in the order of the checks.
    """

    schema: int
    streamapp: str
    time: str
    seconds: float
    status: Status
    errors: int
    warnings: int
    checks: tuple[Result, ...]


def result(check: str, said: Iterable[Said], seconds: float) -> Result:
    """Return the result of a check that ran."""
    said = tuple(said)
    findings = tuple(sorted((one for one in said if isinstance(one, Finding)), key=_badness))
    seen = tuple(one.text for one in said if isinstance(one, Seen))
    return Result(check, _status(findings), round(seconds, 3), seen, findings)


def skipped(check: str, because: str) -> Result:
    """Return the result of a check that was not run."""
    return Result(check, Status.SKIPPED, 0.0, because=because)


def report(results: Sequence[Result], seconds: float) -> Report:
    """Return what all results say together."""
    findings = [finding for one in results for finding in one.findings]
    return Report(
        schema=SCHEMA,
        streamapp=__version__,
        time=utc_now(),
        seconds=round(seconds, 3),
        status=_status(findings),
        errors=sum(one.level is Level.ERROR for one in findings),
        warnings=sum(one.level is Level.WARNING for one in findings),
        checks=tuple(results),
    )


def _badness(finding: Finding) -> int:
    return list(Level).index(finding.level)


def _status(findings: Iterable[Finding]) -> Status:
    levels = {finding.level for finding in findings}
    if Level.ERROR in levels:
        return Status.ERROR
    return Status.WARNING if Level.WARNING in levels else Status.OK
