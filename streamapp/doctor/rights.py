"""Rights at the broker: what its user may not see is no fault of the system, and is told as a note."""

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from streamapp.contracts.errors import BrokerUnavailable
from streamapp.doctor.findings import Fault, Finding, note

#: What is raised where a right is missing; a `BrokerUnavailable` may be something else, see `denied`.
DENIALS = (GroupAuthorizationFailedError, TopicAuthorizationFailedError, BrokerUnavailable)


def denied(exc: Exception) -> bool:
    """Say whether an error is that of a missing right."""
    return isinstance(exc.__cause__ if isinstance(exc, BrokerUnavailable) else exc, DENIALS[:2])


def unseen(fault: Fault, about: str, what: str, exc: Exception, right: str) -> Finding:
    """Return the note of what may not be seen.

    Args:
        fault: What it is about, in a word.
        about: What it concerns.
        what: What may not be seen.
        exc: What was raised.
        right: The right that is missing.

    Raises:
        Exception: The error, where it is none of a missing right.
    """
    if not denied(exc):
        raise exc
    return note(
        fault,
        about,
        f"We may not see {what}.",
        f"Give the user of STREAMAPP_SASL_USERNAME {right} (docs/security.md), or look as the operator.",
    )
