"""A broker that came back without the markers of a transaction: its records are not committed by the next one's."""

from collections.abc import AsyncIterator
from pathlib import Path

import apache_kafka
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from delivery_support import read, scored
from unique import unique_settings

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery.lane import Lane
from streamapp.delivery.port import never
from streamapp.delivery.records import Target
from streamapp.delivery.wire import Output
from streamapp.embedded.processes import Processes
from streamapp.scoring.records import Outcome


class ForgottenLane(Lane):
    """A lane whose first transaction the broker ends without a marker where it has written."""

    forgotten = False

    async def _produce(
        self, producer: AIOKafkaProducer, records: list[tuple[Target, list[Output]]], end: int
    ) -> None:
        if not self.forgotten:
            # The broker does not learn where records are written, so that it ends the transaction elsewhere only.
            producer._txn_manager.maybe_add_partition_to_txn = lambda _: None
        await super()._produce(producer, records, end)

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        if not self.forgotten:
            self.forgotten = True
            raise TimeoutError
        await super()._commit(producer)


@pytest.fixture
async def lenient(processes: Processes, tmp_path: Path, redis_url: str) -> AsyncIterator[Settings]:
    """Settings for a broker that takes records of a transaction which it does not know of."""
    apache_kafka.require()
    broker = apache_kafka.ApacheKafka(
        processes, tmp_path / "kafka", transaction_partition_verification_enable="false"
    )
    await broker.start()
    settings = unique_settings(broker.address, redis_url, tmp_path)
    await kafka.ensure_topics(settings, topics(settings), "test")
    yield settings
    await broker.stop()


async def test_records_that_lack_a_marker_are_not_committed_by_the_next_transaction(lenient: Settings) -> None:
    lane = ForgottenLane(lenient, TopicPartition(lenient.input_topic, 0), backoff=0.01, max_backoff=0.1)
    batches = [Outcome([scored(offset, topic=lenient.input_topic)], []) for offset in range(3)]
    for end, batch in enumerate(batches, start=1):
        await lane.deliver(batch, end, never)
    await lane.close()
    found = await read(lenient, lenient.predictions_topic, 3)
    assert lane.forgotten
    assert [dict(record.headers)["input_offset"] for record in found] == [b"0", b"1", b"2"]
