"""Outcomes to deliver, and what of them is on the broker."""

import asyncio
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streamapp.clients import kafka
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import DeadLetter, Headers
from streamapp.contracts.settings import Settings
from streamapp.scoring.records import Scored

CARD = ModelCard("svm", "SVC", "1", "run", "sklearn", (Feature("Sleep_Hours"),))


class In(NamedTuple):
    """A record of the input topic."""

    offset: int
    partition: int = 0
    topic: str = "in"
    timestamp: int = 1_700_000_000_123
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: Headers = (("ce_id", b"x"), ("traceparent", b"00-1-2-01"), ("other", b"y"))


def scored(
    offset: int, partition: int = 0, value: bytes = b"{}", key: bytes | None = None, topic: str = "in"
) -> Scored:
    return Scored(In(offset, partition, topic, key=key), f"id-{offset}", value)


def refused(offset: int, value: bytes | None = b"junk", partition: int = 1, topic: str = "in") -> DeadLetter:
    return DeadLetter(
        key=None,
        value=value,
        headers=(("ce_id", b"x"), ("dl_code", b"forged")),
        code=Code.MALFORMED_JSON,
        error="MalformedRecord",
        message="m" * 900,
        model="",
        version="",
        topic=topic,
        partition=partition,
        offset=offset,
        attempt=1,
        time="2026-01-02T03:04:05.678Z",
    )


async def read(settings: Settings, topic: str, count: int) -> list[Any]:
    """Read `count` records of all partitions of a topic."""
    async with kafka.consumer(settings, "test") as consumer, asyncio.timeout(20):
        consumer.assign([TopicPartition(topic, partition) for partition in range(settings.partitions)])
        found: list[Any] = []
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
    return found
