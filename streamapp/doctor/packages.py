"""The installation: Python's version, and the packages of which one version alone will do."""

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from streamapp.doctor.findings import Fault, Finding, Seen, error
from streamapp.doctor.visit import Looks, Visit

_OURS: Final = "streamapp"
#: Packages that write into the same folder as one of ours, and that one.
_CLASHES: Final = {"faust": "faust-streaming", "mode": "mode-streaming"}


async def look(_: Visit) -> Looks:
    """Compare what is installed here with what streamapp asks for."""
    requirements = [Requirement(line) for line in metadata.requires(_OURS) or ()]
    for finding in (
        *python(metadata.metadata(_OURS)["Requires-Python"]),
        *pinned(requirements, installed),
        *clashing(),
    ):
        yield finding
    pins = sorted({one.name for one in requirements if _is_pin(one) and installed(one.name)})
    versions = ", ".join(f"{name} {installed(name)}" for name in pins)
    yield Seen(f"streamapp {metadata.version(_OURS)}, Python {sys.version.split()[0]}, {versions}")


def python(specifier: str, version: str = sys.version.split()[0]) -> Iterator[Finding]:
    """Yield an error where this Python is none of those that streamapp runs on."""
    if not SpecifierSet(specifier).contains(version, prereleases=True):
        yield error(
            Fault.PYTHON_VERSION,
            f"Python {version}",
            f"streamapp needs Python {specifier}.",
            "Make a virtual environment with another Python, and install streamapp there.",
        )


def pinned(requirements: list[Requirement], version_of: Callable[[str], str]) -> Iterator[Finding]:
    """Yield an error for each package that is installed in another version than the one that will do.

    Args:
        requirements: What streamapp asks for.
        version_of: Returns the installed version of a package, "" where there is none.
    """
    for one in requirements:
        version = version_of(one.name)
        if _is_pin(one) and version and not one.specifier.contains(version):
            yield error(
                Fault.PACKAGE_VERSION,
                f"package {one.name}",
                f"{version} is installed. The transport leans on private names of it: {one.specifier} alone will do.",
                "Install that one.",
                f"pip install '{one.name}{one.specifier}'",
            )


def clashing() -> Iterator[Finding]:
    """Yield an error for each package that has overwritten files of one of ours."""
    for stranger, ours in _CLASHES.items():
        if installed(stranger):
            yield error(
                Fault.PACKAGE_CLASH,
                f"package {stranger}",
                f"{stranger} {installed(stranger)} is installed beside {ours}, and has the same files.",
                "Remove both, and install ours again.",
                f"pip uninstall -y {stranger} {ours} && pip install 'streamapp[worker]'",
            )


def installed(name: str) -> str:
    """Return the version of a package, "" where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _is_pin(requirement: Requirement) -> bool:
    return any(one.operator == "==" for one in requirement.specifier)
