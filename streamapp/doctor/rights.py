"""Rights at the broker: what its user may not see is no fault of the system, and is told as a note."""

from collections.abc import Collection
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from aiokafka.protocol.metadata import MetadataRequest

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.doctor.findings import Fault, Finding, note

_ROLE: Final = "doctor"
#: What is raised where a right is missing; a `BrokerUnavailable` may be something else, see `denied`.
DENIALS = (GroupAuthorizationFailedError, TopicAuthorizationFailedError, BrokerUnavailable)


def denied(exc: Exception) -> bool:
    """Say whether an error is that of a missing right."""
    return isinstance(exc.__cause__ if isinstance(exc, BrokerUnavailable) else exc, DENIALS[:2])


async def concealed(settings: Settings, topics: Collection[str], patience: float) -> set[str]:
    """Return those topics that we may not describe, and that look like missing ones to who asks for all.

    Args:
        settings: The settings in force.
        topics: Names to ask for. None is made by it.
        patience: Seconds that an answer may take.

    Raises:
        KafkaError: No broker answers.
    """
    if not topics:
        return set()
    admin = AIOKafkaAdminClient(**kafka.connection(settings, _ROLE), request_timeout_ms=int(patience * 1000))
    # describe_topics() would have them made.
    asked = MetadataRequest(sorted(topics), allow_auto_topic_creation=False)
    try:
        await admin.start()
        answer = await admin._send_request(asked)  # noqa: SLF001
    finally:
        await admin.close()
    refused = TopicAuthorizationFailedError.errno
    return {one["topic"] for one in answer.to_object()["topics"] if one["error_code"] == refused}


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
