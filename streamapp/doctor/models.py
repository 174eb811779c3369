"""The models in the registry: whether all that requests may name is there, vouched for, and fit to be served here."""

import difflib
import os
import shlex
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from streamapp.agents.thread import in_thread
from streamapp.contracts.errors import RegistryUnavailable
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, Seen, error, note, warning
from streamapp.doctor.packages import installed
from streamapp.doctor.visit import Looks, Visit

if TYPE_CHECKING:
    from streamapp.runtimes.inspection import Inspected, Inspector, Named
    from streamapp.runtimes.registry import Wanted


async def look(visit: Visit) -> Looks:
    """Ask the registry what is to be served, and look at each version of it."""
    settings = visit.settings
    try:
        inspector = await in_thread(partial(_inspector, settings))
    except ModuleNotFoundError as exc:
        yield _not_here(exc)
        return
    try:
        named, registered = await in_thread(partial(inspector.names, settings.models))
        inspected = [(one, await in_thread(partial(inspector.inspect, one.wanted))) for one in named if one.wanted]
    except RegistryUnavailable as exc:
        yield error(
            Fault.MLFLOW_REFUSES, "MLFLOW_TRACKING_URI", str(exc), "See MLflow's log; its user needs to read."
        )
        return
    for one in named:
        for finding in missing(one, registered, settings):
            yield finding
    if settings.model_manifests is None and settings.trusted_models != "off":
        yield _nobody_vouches()
    for one, seen in inspected:
        for finding in judged(one, seen, vouched=settings.model_manifests is not None, enforces=inspector.enforces):
            yield finding
    served = [f"{one.alias} {one.wanted.version}" for one, seen in inspected if one.wanted and not seen.unfit]
    yield Seen(f"in the registry: {', '.join(served) or 'nothing that can be served'}")


def _inspector(settings: Settings) -> "Inspector":
    """Make the inspector; MLflow takes seconds to import, and says much."""
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from streamapp.runtimes.inspection import Inspector

    return Inspector(settings, installed)


def missing(one: "Named", registered: list[str], settings: Settings) -> Iterator[Finding]:
    """Yield a finding where an alias names what the registry does not have, or no version was chosen."""
    if one.wanted is None:
        near = difflib.get_close_matches(one.name, registered, n=1)
        hint = f" The registry has {near[0]}." if near and near[0] != one.name else ""
        yield error(
            Fault.MODEL_MISSING,
            f"model {one.alias} (STREAMAPP_MODELS)",
            f"The registry has no version of {one.name!r}, so that requests for {one.alias!r} are refused.{hint}",
            "Train it; or correct its name in STREAMAPP_MODELS, or take it out there.",
            "streamapp train --help",
        )
    elif not one.is_promoted:
        name, version = one.wanted
        yield warning(
            Fault.MODEL_ALIAS,
            f"model {one.alias} ({name} {version})",
            f"No version has the registry alias {settings.registry_alias!r}: the newest is served.",
            "Say which one is to be.",
            f"streamapp promote {shlex.quote(name)} {version}",
        )


def judged(one: "Named", seen: "Inspected", *, vouched: bool, enforces: bool) -> Iterator[Finding]:
    """Yield what is wrong with the version that an alias names.

    Args:
        one: The alias.
        seen: The version.
        vouched: Whether there is a folder of manifests.
        enforces: Whether workers refuse what nobody vouches for.
    """
    if one.wanted is None:
        return
    about = f"model {one.alias} ({one.wanted.name} {one.wanted.version})"
    if seen.untrusted and vouched:
        yield _untrusted(about, seen.untrusted, one.wanted, enforces=enforces)
    if seen.unfit:
        yield error(
            Fault.MODEL_UNFIT,
            about,
            f"Workers refuse it: {seen.unfit}",
            "Register a version without that fault, and promote it.",
        )
    if seen.packages:
        yield warning(
            Fault.MODEL_PACKAGES,
            about,
            f"It was made with packages that are not installed here (what is): {', '.join(seen.packages)}.",
            "Install them where workers run, or train it again there; look there, too: streamapp doctor.",
        )
    if seen.python:
        yield warning(
            Fault.MODEL_PYTHON,
            about,
            f"It was made with Python {seen.python}; what is pickled may not load in another.",
            "Run workers with that Python, or train it again with theirs.",
        )


def _untrusted(about: str, why: str, wanted: "Wanted", *, enforces: bool) -> Finding:
    say = error if enforces else warning
    then = "Workers refuse it." if enforces else "Workers load it all the same (STREAMAPP_TRUSTED_MODELS)."
    return say(
        Fault.MODEL_UNTRUSTED,
        about,
        f"{why.partition(' To do so:')[0].rstrip('.')}. {then}",
        "If it is as its author made it, vouch for it.",
        f"streamapp models trust {shlex.quote(wanted.name)} {wanted.version}",
    )


def _nobody_vouches() -> Finding:
    return warning(
        Fault.MODEL_UNTRUSTED,
        "STREAMAPP_MODEL_MANIFESTS",
        "No folder of manifests is named: workers load any model that the registry names, and so run its code.",
        "Name a folder that only those write to who vouch for models; docs/security.md says how.",
    )


def _not_here(exc: ModuleNotFoundError) -> Finding:
    return note(
        Fault.MLFLOW_UNSEEN,
        "models",
        f"The models were not looked at: {exc.name} is not installed here.",
        "Look from where workers run, or install what they need.",
        "pip install 'streamapp[worker]'",
    )
