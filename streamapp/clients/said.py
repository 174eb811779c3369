"""What the workers have said of themselves and of their models, read from its topics."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from streamapp.clients.scanning import newest
from streamapp.contracts.card import ModelCard
from streamapp.contracts.codec import decode_card, decode_status
from streamapp.contracts.errors import MalformedRecord
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import WorkerStatus


class Said(NamedTuple):
    """The last status of a worker.

    Attributes:
        offset: Where it stands on the status topic.
        status: What it says.
    """

    offset: int
    status: WorkerStatus


async def statuses(settings: Settings) -> dict[str, Said]:
    """Return the last status of each worker, by its name; of those that have said good-bye, none.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    found = {}
    for worker, record in (await newest(settings, settings.status_topic)).items():
        with suppress(MalformedRecord):
            found[worker] = Said(record.offset, decode_status(record.value))
    return found


async def cards(settings: Settings) -> list[ModelCard]:
    """Return the cards of the models that are or were served, by alias.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    records = await newest(settings, settings.models_topic)
    return list(_cards(records[alias].value for alias in sorted(records)))


def _cards(values: Iterator[bytes]) -> Iterator[ModelCard]:
    for value in values:
        with suppress(MalformedRecord):
            yield decode_card(value)
