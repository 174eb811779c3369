"""What the tests of the producer share."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings


@dataclass(frozen=True)
class Edge:
    """A server and the statuses that it has answered."""

    url: str
    statuses: Counter[int]


async def on_topic(settings: Settings, expected: int, model: str = "svm") -> list[Any]:
    """Return all records of a model's input topic, of which so many are expected."""
    consumer = kafka.consumer(settings, "test", settings.topic_of(model))
    await consumer.start()
    try:
        records: list[Any] = []
        async with asyncio.timeout(20):
            while len(records) < expected:
                fetched = await consumer.getmany(timeout_ms=200)
                records += [record for batch in fetched.values() for record in batch]
        return records
    finally:
        await consumer.stop()
