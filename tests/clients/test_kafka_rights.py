"""Each role's user at Apache Kafka may do what docs/security.md says, and nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from certificates import Authority
from secured_kafka import ADMIN, ROLES, SecuredKafka, grants

from streamapp.clients import kafka
from streamapp.clients.consuming import started
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import Topic, topics

STRANGERS = "a_topic_of_others"
WRONG = "geheim-4711"


@pytest.fixture(autouse=True)
async def filled(secured_kafka: SecuredKafka) -> list[str]:
    """Make every topic, and one of somebody else's, with a record on it; returns the names of ours."""
    settings = secured_kafka.settings(ADMIN)
    await kafka.ensure_topics(settings, (*topics(settings), Topic(STRANGERS, 1, 1)), "test")
    ours = [topic.name for topic in topics(settings)]
    async with kafka.producer(settings, "test") as producer:
        for topic in (*ours, STRANGERS):
            await producer.send_and_wait(topic, None, key=b"key", partition=0)
    return ours


async def polled(consumer: AIOKafkaConsumer) -> None:
    async with started(consumer), asyncio.timeout(20):
        while True:
            await consumer.getmany(timeout_ms=200)


@asynccontextmanager
async def producing(settings: Settings, **options: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(settings, "test", **options)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def reads(settings: Settings, topic: str) -> bool:
    async with started(kafka.consumer(settings, "test")) as consumer, asyncio.timeout(20):
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        try:
            while not await consumer.getmany(timeout_ms=500):
                pass
        except TopicAuthorizationFailedError:
            return False
    return True


async def writes(settings: Settings, topic: str) -> bool:
    async with producing(settings) as producer, asyncio.timeout(20):
        try:
            await producer.send_and_wait(topic, None, key=b"key", partition=0)
        except TopicAuthorizationFailedError:
            return False
    return True


async def does(settings: Settings, operation: str, topic: str) -> bool:
    return await (reads if operation == "Read" else writes)(settings, topic)


@pytest.mark.parametrize("user", ROLES)
@pytest.mark.parametrize("operation", ["Read", "Write"])
async def test_a_role_reads_and_writes_what_it_needs_and_no_other_topic(
    secured_kafka: SecuredKafka, filled: list[str], user: str, operation: str
) -> None:
    settings = secured_kafka.settings(user)
    wanted = {grant.name for grant in grants() if (grant.user, grant.operation) == (user, operation)}
    allowed = {topic for topic in filled if await does(settings, operation, topic)}
    assert allowed == wanted & set(filled)


@pytest.mark.parametrize("user", ROLES)
async def test_nobody_but_the_administrator_deletes_a_topic_or_sees_others(
    secured_kafka: SecuredKafka, filled: list[str], user: str
) -> None:
    settings = secured_kafka.settings(user)
    admin = AIOKafkaAdminClient(**kafka.connection(settings, "test"))
    try:
        await admin.start()
        assert sorted(await admin.list_topics()) == sorted(filled)
        answer = await admin.delete_topics(["predictions"])
        assert [code for _, code, *_ in answer.topic_error_codes] == [TopicAuthorizationFailedError.errno]
    finally:
        await admin.close()
    with pytest.raises(BrokerUnavailable, match="refused"):
        await kafka.ensure_topics(settings, [Topic("new", 1, 1)], "test")


@pytest.mark.parametrize(
    ("user", "group"), [("edge", "streamapp"), ("worker", "streamapp-replies"), ("sinks", "any")]
)
async def test_a_role_joins_no_group_of_others(secured_kafka: SecuredKafka, user: str, group: str) -> None:
    settings = secured_kafka.settings(user)
    consumer = kafka.consumer(settings, "test", "mlops_stream", group_id=group)
    with pytest.raises(GroupAuthorizationFailedError):
        await polled(consumer)


@pytest.mark.parametrize("user", ["edge", "sinks", "producer"])
async def test_who_needs_no_transactions_cannot_fence_a_worker(secured_kafka: SecuredKafka, user: str) -> None:
    with pytest.raises(TransactionalIdAuthorizationFailed):
        async with producing(secured_kafka.settings(user), transactional_id="streamapp/mlops_stream/0"):
            pass


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_opens_the_door_and_no_log_has_it(
    secured_kafka: SecuredKafka, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiokafka")
    settings = secured_kafka.settings("producer", sasl_mechanism=mechanism)
    assert await writes(settings, "mlops_stream")
    assert "SaslHandShake" in caplog.text, "the log is one of every request"
    assert settings.sasl_password.get_secret_value() not in caplog.text


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_refused_and_not_repeated_in_the_error(
    secured_kafka: SecuredKafka, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiokafka")
    settings = secured_kafka.settings("edge", sasl_mechanism=mechanism, sasl_password=WRONG)
    with pytest.raises(KafkaError) as caught:
        await writes(settings, "mlops_stream")
    assert isinstance(caught.value, AuthenticationFailedError | KafkaConnectionError)
    assert "uthentication" in caplog.text
    assert WRONG not in caplog.text + repr(caught.value)


async def test_who_is_not_let_in_is_told_so_at_once(secured_kafka: SecuredKafka) -> None:
    for strange in ({"sasl_password": WRONG}, {"sasl_password": WRONG, "sasl_mechanism": "PLAIN"}):
        with pytest.raises(BrokerUnavailable, match=r"does not let us in.*uthentication failed") as caught:
            await kafka.ensure_topics(secured_kafka.settings("edge", **strange), [], "test")
        assert WRONG not in str(caught.value)
    with pytest.raises(BrokerUnavailable, match=r"not to be trusted.*certificate verify failed"):
        await kafka.ensure_topics(secured_kafka.settings("edge", ssl_ca_file=None), [], "test")


async def test_a_certificate_is_a_user_too(secured_kafka: SecuredKafka, authority: Authority) -> None:
    shown = load_settings(
        broker=f"127.0.0.1:{secured_kafka.mutual_port}",
        security_protocol="SSL",
        ssl_ca_file=authority.file,
        ssl_cert_file=authority.issue("sinks", password=WRONG),
        ssl_key_password=WRONG,
    )
    assert (await reads(shown, "predictions"), await writes(shown, "predictions")) == (True, False)


async def test_a_password_opens_the_door_without_tls_where_the_broker_has_one(secured_kafka: SecuredKafka) -> None:
    address = f"127.0.0.1:{secured_kafka.unencrypted_port}"
    inside = {"broker": address, "security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": None}
    settings = secured_kafka.settings("producer", **inside)
    assert (await writes(settings, "mlops_stream"), await writes(settings, "predictions")) == (True, False)


async def test_who_speaks_without_tls_or_trusts_another_authority_does_not_get_in(
    secured_kafka: SecuredKafka,
) -> None:
    open_one = load_settings(broker=secured_kafka.address)
    untrusting = secured_kafka.settings("edge", ssl_ca_file=None)
    for settings in (open_one, untrusting):
        with pytest.raises(KafkaConnectionError):
            await writes(settings, "mlops_stream")
