"""Outcomes to deliver, and what of them is on the broker."""

import asyncio
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch

from streamapp.clients import kafka
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.errors import Code
from streamapp.contracts.messages import DeadLetter, Headers
from streamapp.contracts.settings import Settings
from streamapp.delivery import wire
from streamapp.delivery.records import Target, outputs
from streamapp.scoring.records import Outcome, Scored

CARD = ModelCard("svm", "SVC", "1", "run", "sklearn", (Feature("Sleep_Hours"),))
TRACEPARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class In(NamedTuple):
    """A record of the input topic."""

    offset: int
    partition: int = 0
    topic: str = "in"
    timestamp: int = 1_700_000_000_123
    key: bytes | None = None
    value: bytes | None = b"{}"
    headers: Headers = (("ce_id", b"x"), ("traceparent", TRACEPARENT), ("other", b"y"))

    @property
    def header_names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.headers)


class Producer(AIOKafkaProducer):
    """As much of a producer as is asked for when a record batch is made."""

    def __init__(self, transactional_id: str | None = None, *, idempotent: bool = False) -> None:
        self._txn_manager = self if transactional_id or idempotent else None
        self.transactional_id = transactional_id
        self._closed = True


def written(outcome: Outcome, settings: Settings) -> list[tuple[Target, Any]]:
    """Return the records that an outcome is delivered as, and where."""
    return [
        (target, record)
        for target, records in outputs(outcome, settings)
        for batch, _ in wire.batches(Producer(), records, 1_000_000)
        for record in DefaultRecordBatch(bytes(batch._build()))
    ]


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
