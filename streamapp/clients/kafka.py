"""aiokafka clients made from the settings, the creation of topics, and what the broker can do."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    InvalidReplicationFactorError,
    KafkaConnectionError,
    KafkaError,
    NoError,
    NotCoordinatorError,
    TopicAlreadyExistsError,
    TransactionalIdAuthorizationFailed,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from streamapp.clients import header_names
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings, client_id
from streamapp.contracts.topics import Topic

#: Answers of a transaction coordinator that is not ready to say yes or no.
_SOON: Final = (ConcurrentTransactions, CoordinatorLoadInProgressError, NotCoordinatorError)


def connection(settings: Settings, role: str) -> dict[str, Any]:
    """Return the keyword arguments that every aiokafka client takes.

    Args:
        settings: The settings in force.
        role: Part of ours that connects, e.g. `edge`; it shows in the broker's logs.
    """
    return {"bootstrap_servers": settings.bootstrap_servers, "client_id": client_id(role)}


def producer(settings: Settings, role: str, **options: Any) -> AIOKafkaProducer:
    """Make a producer (not started) that waits for all in-sync replicas. Needs a running event loop."""
    defaults = {"acks": "all", "max_request_size": settings.max_record_bytes, "request_timeout_ms": 10_000}
    return AIOKafkaProducer(**connection(settings, role), **{**defaults, **options})


def consumer(settings: Settings, role: str, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """Make a consumer (not started) that reads committed records from the beginning. Needs a running event loop."""
    header_names.install()
    defaults = {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        # An idle fetch is answered within this time, and bounds how long a stopping consumer waits.
        "fetch_max_wait_ms": 200,
    }
    return AIOKafkaConsumer(*topics, **connection(settings, role), **{**defaults, **options})


async def ensure_topics(settings: Settings, topics: Iterable[Topic], role: str, patience: float = 30.0) -> None:
    """Create the topics that are not there yet; existing ones are left as they are.

    Where all exist, the right to create topics is not needed.

    Args:
        settings: The settings in force.
        topics: What is to be there.
        role: Part of ours that asks.
        patience: Seconds to wait for a broker that does not answer yet.

    Raises:
        BrokerUnavailable: The broker did not answer in that time, or refused; the message names its address.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            await _create(settings, topics, role)
        except (KafkaError, OSError) as exc:
            if not _passes(exc):
                raise BrokerUnavailable(f"The broker at {settings.broker} refused to create topics: {exc}") from exc
            if asyncio.get_running_loop().time() >= deadline:
                raise BrokerUnavailable(
                    f"No broker answers at {settings.broker} (STREAMAPP_BROKER) after {patience:g} s: {exc}"
                ) from exc
            await asyncio.sleep(0.2)
        else:
            return


async def transactions(settings: Settings, role: str, patience: float = 30.0) -> bool:
    """Say whether the broker has transactions, by opening a producer's session under `GROUP-check` as one would.

    Args:
        settings: The settings in force.
        role: Part of ours that asks.
        patience: Seconds to wait for a broker that does not answer yet.

    Raises:
        BrokerUnavailable: The broker did not answer in that time, or does not allow us the transactional id.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            return await _opens_transactions(settings, role)
        except TransactionalIdAuthorizationFailed as exc:
            raise BrokerUnavailable(
                f"The broker at {settings.broker} has transactions, but refuses us the transactional ids "
                f"{settings.group}-* (ACL on TransactionalId: Write, Describe)."
            ) from exc
        except (KafkaError, OSError, TimeoutError) as exc:
            if asyncio.get_running_loop().time() >= deadline:
                raise BrokerUnavailable(
                    f"No broker answers at {settings.broker} (STREAMAPP_BROKER) after {patience:g} s: {exc!r}"
                ) from exc
            await asyncio.sleep(0.2)


async def _opens_transactions(settings: Settings, role: str) -> bool:
    # Not with a producer: aiokafka's logs an error where the answer is no.
    name = f"{settings.group}-check"
    client = AIOKafkaClient(**connection(settings, role), request_timeout_ms=5000)
    try:
        await client.bootstrap()
        coordinator = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
        request = InitProducerIdRequest(name, transaction_timeout_ms=10_000)
        response = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
    finally:
        await client.close()
    error = for_code(response.error_code)
    if error in _SOON or error is TransactionalIdAuthorizationFailed:
        raise error(name)
    return error is NoError


async def committed(client: AIOKafkaClient, group: str, partition: TopicPartition) -> int | None:
    """Return the offset that a group has committed, None where it has none.

    Raises:
        KafkaError: The coordinator does not answer, or refuses.
    """
    coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    request = OffsetFetchRequest(group, [(partition.topic, [partition.partition])])
    response = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
    # Newer answers have an error for the whole group beside one a partition.
    error, offset = getattr(response, "error_code", 0), -1
    if not error:
        ((_, ((_, offset, _, error),)),) = response.topics
    if error:
        raise for_code(error)(f"The offset of {partition.topic}-{partition.partition} in group {group}")
    return None if offset < 0 else int(offset)


def _passes(exc: Exception) -> bool:
    """Say whether an error is one of a broker that is away or not quite up yet."""
    if isinstance(exc, KafkaError):
        # A broker whose peers have not registered yet says that there are too few for the replicas.
        return bool(exc.retriable) or isinstance(exc, KafkaConnectionError | InvalidReplicationFactorError)
    return isinstance(exc, OSError)


async def _create(settings: Settings, topics: Iterable[Topic], role: str) -> None:
    admin = AIOKafkaAdminClient(**connection(settings, role))
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        wanted = [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.config))
            for topic in topics
            if topic.name not in existing
        ]
        if not wanted:
            return
        response = await admin.create_topics(wanted)
    finally:
        await admin.close()
    for name, code, message in response.topic_errors:
        if code not in {0, TopicAlreadyExistsError.errno}:
            raise for_code(code)(f"{name}: {message}")
