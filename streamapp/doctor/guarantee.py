"""The guarantee: what is asked for, and what the broker can give."""

from typing import Final

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.doctor.findings import Fault, Seen, error
from streamapp.doctor.visit import Looks, Visit

_ROLE: Final = "doctor"


async def look(visit: Visit) -> Looks:
    """Ask for transactions as a worker does at its start, under an id that is there for this question alone."""
    settings = visit.settings
    wanted = settings.processing_guarantee
    try:
        able = await kafka.transactions(
            settings, _ROLE, needed=wanted != "at_least_once", patience=2 * visit.patience
        )
    except BrokerUnavailable as exc:
        yield error(
            Fault.TRANSACTIONS_REFUSED,
            f"STREAMAPP_PROCESSING_GUARANTEE={wanted}",
            str(exc),
            "Give the user those rights (docs/security.md); where this is no worker's user, look as that one.",
        )
        return
    if wanted == "exactly_once" and not able:
        yield error(
            Fault.GUARANTEE_IMPOSSIBLE,
            f"STREAMAPP_PROCESSING_GUARANTEE={wanted}",
            f"The broker at {settings.broker} has no transactions: workers do not start.",
            "Use Redpanda or Apache Kafka; or set STREAMAPP_PROCESSING_GUARANTEE to at_least_once, with which a "
            "repeat can appear after a crash.",
        )
    elif not able:
        yield Seen("at_least_once: the broker has no transactions; a repeat can appear after a crash")
    else:
        yield Seen("at_least_once" if wanted == "at_least_once" else "exactly_once")
