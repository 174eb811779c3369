"""aiokafka clients made from the settings, the creation of topics, and what the broker can do."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    InvalidReplicationFactorError,
    InvalidTransactionTimeout,
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from streamapp.clients import record_batches, sasl_log
from streamapp.clients.entry import require_entry
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings, client_id
from streamapp.contracts.topics import Topic

#: Seconds after which the broker aborts a transaction that its producer has left. Until then those who read
#: committed records wait for it.
TRANSACTION_TIMEOUT: Final = 30.0
#: Answers of a broker that has transactions, but none for us.
_REFUSALS: Final = (TransactionalIdAuthorizationFailed, ClusterAuthorizationFailedError, InvalidTransactionTimeout)
#: Unknown errors in a row that count as an answer.
_UNCLEAR: Final = 3


def connection(settings: Settings, role: str) -> dict[str, Any]:
    """Return the keyword arguments that every aiokafka client takes.

    Args:
        settings: The settings in force.
        role: Part of ours that connects, e.g. `edge`; it shows in the broker's logs.
    """
    return {"bootstrap_servers": settings.bootstrap_servers, "client_id": client_id(role), **_security(settings)}


def _security(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.uses_ssl:
        options["ssl_context"] = settings.kafka_identity.context()
    if settings.uses_sasl:
        sasl_log.install()
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options


def producer(settings: Settings, role: str, **options: Any) -> AIOKafkaProducer:
    """Make a producer (not started) that waits for all in-sync replicas. Needs a running event loop."""
    defaults = {"acks": "all", "max_request_size": settings.max_record_bytes, "request_timeout_ms": 10_000}
    return AIOKafkaProducer(**connection(settings, role), **{**defaults, **options})


def consumer(settings: Settings, role: str, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """Make a consumer (not started) that reads committed records from the beginning. Needs a running event loop."""
    record_batches.install()
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
        BrokerUnavailable: The broker did not answer in that time, refused, or did not let us in; the message names
            its address.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        try:
            await _create(settings, topics, role)
        except (KafkaError, OSError) as exc:
            if not _passes(exc):
                raise BrokerUnavailable(f"The broker at {settings.broker} refused to create topics: {exc}") from exc
            left = deadline - asyncio.get_running_loop().time()
            # A broker that refuses us needs a moment to say so, also at the end, or where there is no patience.
            await require_entry(settings, connection(settings, role), patience=min(max(left, 2.0), 5.0))
            if asyncio.get_running_loop().time() >= deadline:
                raise BrokerUnavailable(
                    f"No broker answers at {settings.broker} (STREAMAPP_BROKER) after {patience:g} s: {exc}"
                ) from exc
            await asyncio.sleep(0.2)
        else:
            return


def transactional_id(settings: Settings, name: str) -> str:
    """Return one of our transactional ids: `GROUP/NAME`. No topic's name has a slash, so no two groups share one."""
    return f"{settings.group}/{name}"


async def transactions(settings: Settings, role: str, *, needed: bool = True, patience: float = 30.0) -> bool:
    """Say whether the broker has transactions, by opening a producer's session under `GROUP/check` as one would.

    Args:
        settings: The settings in force.
        role: Part of ours that asks.
        needed: Whether it is an error that the broker has transactions and does not allow us the id; else that
            counts as a no.
        patience: Seconds to wait for a broker that does not answer yet.

    Raises:
        BrokerUnavailable: The broker did not answer in that time, or refuses us the transactional id.
    """
    deadline = asyncio.get_running_loop().time() + patience
    unclear = 0
    while True:
        try:
            return await _opens_transactions(settings, role)
        except IncompatibleBrokerVersion:
            return False
        except UnknownError:
            # The embedded broker says so, always; Apache Kafka may, once.
            unclear += 1
            if unclear == _UNCLEAR:
                return False
        except _REFUSALS as exc:
            if not needed:
                return False
            raise BrokerUnavailable(
                f"The broker at {settings.broker} has transactions, but refuses us one under "
                f"{transactional_id(settings, '*')}: {exc!r} (ACL on TransactionalId: Write, Describe; "
                f"transaction.max.timeout.ms: at least {TRANSACTION_TIMEOUT * 1000:.0f})."
            ) from exc
        except (KafkaError, OSError, TimeoutError) as exc:
            if asyncio.get_running_loop().time() >= deadline:
                raise BrokerUnavailable(
                    f"No broker answers at {settings.broker} (STREAMAPP_BROKER) after {patience:g} s: {exc!r}"
                ) from exc
        await asyncio.sleep(0.2)


async def _opens_transactions(settings: Settings, role: str) -> bool:
    # Not with a producer: aiokafka's logs an error where the answer is no.
    name = transactional_id(settings, "check")
    client = AIOKafkaClient(**connection(settings, role), request_timeout_ms=5000)
    try:
        await client.bootstrap()
        if client.get_random_node() is None:
            raise KafkaConnectionError("The broker names none in its metadata yet.")  # aiokafka asserts one
        coordinator = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
        request = InitProducerIdRequest(name, transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000))
        response = await client.send(coordinator, request, group=ConnectionGroup.COORDINATION)
    finally:
        await client.close()
    if response.error_code:
        raise for_code(response.error_code)(name)
    return True


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
