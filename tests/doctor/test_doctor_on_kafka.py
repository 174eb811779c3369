"""What the embedded broker cannot have wrong: passwords, rights, replicas, and who has which partition."""

from aiokafka import AIOKafkaConsumer
from doctor_support import Said, examine, make_topics, speak
from secured_kafka import ADMIN, SecuredKafka

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings, load_settings
from streamapp.doctor.findings import Fault, Level
from streamapp.doctor.group import assigned

WRONG = "geheim-4711"


def of(secured: SecuredKafka, user: str, elsewhere: Settings, **changed: object) -> Settings:
    """Return a user's settings at the broker, all else being as elsewhere; topics have the names of the page."""
    names = {name: Settings.model_fields[name].default for name in Settings.model_fields if _is_on_the_page(name)}
    own = secured.settings(user).model_dump(exclude_unset=True)
    return load_settings(**{**elsewhere.model_dump(), **names, **own, **changed})


def _is_on_the_page(name: str) -> bool:
    return name.endswith(("_topic", "partitions")) or name == "group"


async def test_a_password_that_is_wrong(elsewhere: Settings, secured_kafka: SecuredKafka) -> None:
    said = await examine(of(secured_kafka, "operator", elsewhere, sasl_password=WRONG))
    found = said.only(Fault.BROKER_REFUSES)
    assert (said.code, said.faults) == (1, {Fault.BROKER_REFUSES})
    assert found["what"].startswith("It does not let in operator by SCRAM-SHA-512")
    assert "STREAMAPP_SASL_PASSWORD" in found["mend"]
    assert WRONG not in str(said.report)


async def test_no_user_where_the_broker_wants_one(elsewhere: Settings, secured_kafka: SecuredKafka) -> None:
    address = f"127.0.0.1:{secured_kafka.unencrypted_port}"
    said = await examine(load_settings(**{**elsewhere.model_dump(), "broker": address}))
    assert (said.code, said.faults) == (1, {Fault.BROKER_REFUSES})
    assert "STREAMAPP_SECURITY_PROTOCOL" in said.only(Fault.BROKER_REFUSES)["mend"]


async def test_the_operator_may_see_all_and_others_are_told_what_they_may_not(
    elsewhere: Settings, secured_kafka: SecuredKafka
) -> None:
    # What other tests have left on these topics is none of this one's business.
    admin = of(secured_kafka, ADMIN, elsewhere)
    await make_topics(admin)
    await speak(admin)
    said = await examine(of(secured_kafka, "operator", elsewhere))
    assert notes(said) == {Fault.EDGE_UNREACHABLE}
    assert not said.findings(Fault.CHECK_FAILED)
    assert Fault.TRANSACTIONS_REFUSED not in said.faults
    assert said.check("guarantee")["seen"] == ["exactly_once"]
    # The edge's user may not see how topics are set, nor what is on each; that is no fault of the system.
    said = await examine(of(secured_kafka, "edge", elsewhere, processing_guarantee="at_least_once"))
    assert Fault.CHECK_FAILED not in said.faults
    assert notes(said) == {Fault.EDGE_UNREACHABLE, Fault.TOPIC_UNSEEN, Fault.MIRROR_UNSEEN}


async def test_a_user_who_may_have_no_transactions_nor_see_the_workers(
    elsewhere: Settings, secured_kafka: SecuredKafka
) -> None:
    await make_topics(of(secured_kafka, ADMIN, elsewhere))
    said = await examine(of(secured_kafka, "sinks", elsewhere))
    found = said.only(Fault.TRANSACTIONS_REFUSED)
    assert said.code == 1
    assert "ACL on TransactionalId" in found["what"]
    assert "docs/security.md" in found["mend"]
    assert {Fault.WORKERS_UNSEEN, Fault.LAG_UNSEEN, Fault.TOPIC_UNSEEN} <= notes(said)
    assert Fault.CHECK_FAILED not in said.faults


async def test_topics_that_may_not_be_described_are_no_topics_that_are_missing(
    elsewhere: Settings, secured_kafka: SecuredKafka
) -> None:
    hidden = {name: getattr(elsewhere, name) for name in ("input_topic", "predictions_topic", "status_topic")}
    await make_topics(of(secured_kafka, ADMIN, elsewhere, **hidden))
    said = await examine(of(secured_kafka, "edge", elsewhere, processing_guarantee="at_least_once", **hidden))
    assert not said.faults & {Fault.TOPIC_MISSING, Fault.WORKER_ABSENT, Fault.CHECK_FAILED}
    assert {one["about"] for one in said.findings(Fault.TOPIC_UNSEEN)} >= {
        f"topic {name}" for name in hidden.values()
    }
    for fault, right in (
        (Fault.WORKERS_UNSEEN, "Read on that topic"),
        (Fault.MIRROR_UNSEEN, "Read on that topic"),
        (Fault.TOPIC_UNSEEN, "Describe on it"),
    ):
        assert {one["level"] for one in said.findings(fault)} == {Level.NOTE}
        assert any(f"STREAMAPP_SASL_USERNAME {right}" in one["mend"] for one in said.findings(fault))
    assert said.check("mirror")["seen"] == []


async def test_writes_that_no_number_of_replicas_acknowledges_and_a_partition_that_nobody_reads(
    elsewhere: Settings, secured_kafka: SecuredKafka
) -> None:
    # Topics of its own: what other tests have left on those of the page would stand unmirrored.
    own = load_settings(**elsewhere.model_dump() | secured_kafka.settings(ADMIN).model_dump(exclude_unset=True))
    await make_topics(own, input_topic={"config": {"min.insync.replicas": "2"}})
    await speak(own)
    other = own.model_copy(update={"input_topic": own.redriven_topic})
    async with reading(other):
        said = await examine(own)
    assert (said.code, said.faults) == (1, {Fault.TOPIC_MIN_INSYNC, Fault.PARTITION_UNREAD})
    assert said.only(Fault.TOPIC_MIN_INSYNC)["command"].endswith("--set min.insync.replicas=1")
    found = said.only(Fault.PARTITION_UNREAD)
    assert found["about"] == f"topic {own.input_topic}"
    assert "partition 0, 1" in found["what"]
    assert "STREAMAPP_INPUT_TOPIC" in found["mend"]


def notes(said: Said) -> set[str]:
    return {one["fault"] for one in said.findings() if one["level"] == Level.NOTE}


def reading(settings: Settings) -> AIOKafkaConsumer:
    """Return a member of the workers' group that reads an input topic of its own."""
    return kafka.consumer(settings, "test", settings.input_topic, group_id=settings.group)


def test_a_broker_that_does_not_tell_who_has_what() -> None:
    assert assigned([b""]) == set()
