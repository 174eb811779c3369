"""What both ways of delivery do with aiokafka's producers: open, fill record batches, publish, throw away."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from aiokafka.structs import RecordMetadata

from streamapp.clients import kafka
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.delivery import wire
from streamapp.delivery.records import Target
from streamapp.delivery.wire import Output, RecordBatch

#: Part of ours that connects, in the broker's logs.
ROLE: Final = "worker"
#: Bytes of one record batch. A record alone may be larger, up to `Settings.max_output_bytes`.
BATCH_BYTES: Final = 512 * 1024
#: What the frames and headers of a record add to its key and value, generously.
FRAME_BYTES: Final = 16 * 1024
#: Seconds that a producer that is thrown away may take to end its requests.
_PATIENCE: Final = 5.0
#: Seconds until a published record has to be acknowledged.
_PUBLISH_TIMEOUT: Final = 30.0


def make(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Make a producer (not started) that takes whole record batches of outputs."""
    size = settings.max_output_bytes + FRAME_BYTES
    return kafka.producer(settings, ROLE, max_batch_size=size, max_request_size=size, **options)


async def started(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """Make a producer and connect it.

    Raises:
        BrokerUnavailable: The broker does not answer.
    """
    producer = make(settings, **options)
    try:
        await producer.start()
    except (KafkaError, OSError) as exc:
        await producer.stop()
        raise BrokerUnavailable(f"No broker answers at {settings.broker} (STREAMAPP_BROKER): {exc}") from exc
    return producer


async def publish(producer: AIOKafkaProducer, topic: str, key: str, value: bytes | None) -> None:
    """Publish a record of a compacted topic, as often as it takes to be acknowledged: the newest of a key counts.

    Raises:
        BrokerUnavailable: The broker refused, or did not acknowledge in time.
    """
    try:
        async with asyncio.timeout(_PUBLISH_TIMEOUT):
            while not await _published(producer, topic, key, value):
                await asyncio.sleep(0.2)
    except (KafkaError, TimeoutError) as exc:
        raise BrokerUnavailable(f"{key} on {topic} was not acknowledged: {exc!r}") from exc


async def _published(producer: AIOKafkaProducer, topic: str, key: str, value: bytes | None) -> bool:
    try:
        await producer.send_and_wait(topic, value, key=key.encode())
    except KafkaError as exc:
        if not exc.retriable:
            raise
        return False
    return True


async def discard(producer: AIOKafkaProducer) -> None:
    """End a producer at once, whatever it was doing; what it had not got acknowledged may or may not arrive.

    `stop` would wait for that, for ever where the broker is away. A sender of aiokafka 0.14 that is cancelled still
    looks for its coordinator until it finds one; so it is told that there is none.
    """
    client, sender = producer.client, producer._sender.sender_task  # noqa: SLF001  # there is no public way
    client.coordinator_lookup = _gone
    client._maybe_wait_metadata = _nothing  # noqa: SLF001  # as above
    client.force_metadata_update = _no_update
    producer._message_accumulator.reenqueue = _drop  # noqa: SLF001  # as above
    _hear(sender, producer._txn_manager and producer._txn_manager.wait_for_transaction_end())  # noqa: SLF001  # as above
    await client.close()
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    while sender is not None and not sender.done() and asyncio.get_running_loop().time() < deadline:
        sender.cancel()
        await asyncio.wait([sender], timeout=1.0)
    producer._closed = True  # noqa: SLF001  # it is, and need not be warned of


def _hear(*futures: "asyncio.Future[Any] | None") -> None:
    """Take note of errors that are dealt with elsewhere, so that none is reported as never retrieved."""
    for future in futures:
        if future is not None:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _gone(*_: object) -> None:
    raise KafkaError("This producer was thrown away.")


def _drop(_: object) -> None:
    """Stand in for the queue of what would be sent again."""


async def _nothing() -> None:
    """Stand in for a wait that nobody would end any more."""


def _no_update() -> asyncio.Future[bool]:
    """Stand in for an update that nobody would make any more."""
    update = asyncio.get_running_loop().create_future()
    update.set_result(False)
    return update


def batches(producer: AIOKafkaProducer, records: Sequence[Output], settings: Settings) -> Iterator[RecordBatch]:
    """Return record batches that hold the records, in order, and that their topic takes; a large one goes alone."""
    return wire.batches(producer, records, min(BATCH_BYTES, settings.max_output_bytes))


async def send(producer: AIOKafkaProducer, batch: RecordBatch, target: Target) -> asyncio.Future[RecordMetadata]:
    """Hand a record batch over to be sent; only the future tells whether it was.

    Raises:
        UnknownTopicOrPartitionError: The topic has fewer partitions than the input; that passes when it gets more.
    """
    known = await producer.partitions_for(target.topic)
    if target.partition not in known:
        producer.client.force_metadata_update()
        raise UnknownTopicOrPartitionError(
            f"{target.topic} has {len(known)} partitions and needs as many as the input topic; add some to it"
        )
    sent: asyncio.Future[RecordMetadata] = await producer.send_batch(
        batch.batch, target.topic, partition=target.partition
    )
    return sent
