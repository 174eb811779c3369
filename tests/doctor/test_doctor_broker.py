"""Brokers, topics and guarantees that are wrong, each found with its mend."""

import signal
from typing import Any

import pytest
from certificates import Authority
from doctor_support import examine, make_topics, speak
from msgspec import structs
from tls_front import tls_front

from streamapp.clients.scanning import partitions
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import Topic, topics
from streamapp.doctor import broker as subject
from streamapp.doctor.findings import Fault, Finding, Level
from streamapp.doctor.partition_faults import counted
from streamapp.doctor.run import run
from streamapp.doctor.topic_faults import Found, judged
from streamapp.doctor.visit import Check, Visit
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


def other(settings: Settings, **values: object) -> Settings:
    """Return settings that are checked anew, as those of a process are."""
    return load_settings(**{**settings.model_dump(), **values})


async def test_a_broker_that_is_away_is_named_and_all_else_is_still_looked_at(elsewhere: Settings) -> None:
    address = f"127.0.0.1:{free_port()}"
    said = await examine(elsewhere.model_copy(update={"broker": address}))
    found = said.only(Fault.BROKER_UNREACHABLE)
    assert (said.code, said.faults, found["about"]) == (1, {Fault.BROKER_UNREACHABLE}, f"broker {address}")
    assert found["what"] == f"Nothing listens on port {address.partition(':')[2]} of 127.0.0.1."
    assert "STREAMAPP_BROKER" in found["mend"]
    states = {check["check"]: check["status"] for check in said.report["checks"]}
    needing = {"guarantee", "topics", "workers", "group", "lag", "mirror"}
    assert {name for name, state in states.items() if state == "skipped"} == needing
    assert {states[name] for name in ("redis", "mlflow", "models", "clock", "disk")} == {"ok"}


async def test_a_name_that_nobody_knows_is_told_from_a_port_that_nobody_has(system: Settings) -> None:
    said = await examine(system.model_copy(update={"broker": f"no-such-host.invalid:9092,{system.broker}"}))
    found = said.only(Fault.BROKER_UNREACHABLE)
    assert found["what"] == "No address is known for the name no-such-host.invalid."
    # The other address lets us in: nothing else is wrong.
    assert (said.code, found["level"], said.faults) == (0, Level.WARNING, {Fault.BROKER_UNREACHABLE})


async def test_a_broker_that_hangs_does_not_hang_the_doctor(processes: Processes) -> None:
    port = free_port()
    child = await processes.run(structs.replace(services.broker(port), name=f"hanging-{port}"))
    child.process.send_signal(signal.SIGSTOP)
    try:
        visit = Visit(load_settings(broker=f"127.0.0.1:{port}"), timeout=2)
        report = await run([Check("broker", subject.look)], visit)
    finally:
        child.process.send_signal(signal.SIGCONT)
        await processes.stop(child)
    ((found,),) = [result.findings for result in report.checks]
    assert (found.fault, found.what) == (Fault.BROKER_UNREACHABLE, "It does not answer in time.")


async def test_a_broker_that_sends_its_clients_where_nobody_is(elsewhere: Settings, processes: Processes) -> None:
    port, advertised = free_port(), free_port()
    program = services.broker(port)
    urls = {f"tcp://127.0.0.1:{port}": f"tcp://127.0.0.1:{advertised}"}
    place = program.argv.index("--advertised-listener-url") + 1
    argv = (*program.argv[:place], urls[program.argv[place]], *program.argv[place + 1 :])
    await processes.run(structs.replace(program, name=f"astray-{port}", argv=argv))
    said = await examine(elsewhere.model_copy(update={"broker": f"127.0.0.1:{port}"}))
    found = said.only(Fault.BROKER_ADVERTISES)
    assert (said.code, said.faults) == (1, {Fault.BROKER_ADVERTISES})
    assert found["about"] == f"broker 127.0.0.1:{advertised}"
    assert "advertised.listeners" in found["mend"]


async def test_tls_that_one_side_alone_speaks_and_a_certificate_that_is_not_trusted(
    elsewhere: Settings, processes: Processes, broker: str, authority: Authority
) -> None:
    port = free_port()
    await processes.run(tls_front(port, int(broker.rpartition(":")[2]), authority.issue("doctors-broker")))
    front = f"127.0.0.1:{port}"
    for settings, fault, mend in (
        (other(elsewhere, broker=front), Fault.BROKER_TLS, "STREAMAPP_SECURITY_PROTOCOL to SSL"),
        (other(elsewhere, security_protocol="SSL"), Fault.BROKER_TLS, "STREAMAPP_SECURITY_PROTOCOL to PLAINTEXT"),
        (other(elsewhere, broker=front, security_protocol="SSL"), Fault.BROKER_UNTRUSTED, "STREAMAPP_SSL_CA_FILE"),
    ):
        said = await examine(settings)
        assert (said.code, said.faults) == (1, {fault})
        assert mend in said.only(fault)["mend"]


async def test_topics_that_are_not_there_are_not_made_by_looking(elsewhere: Settings) -> None:
    said = await examine(elsewhere)
    found = said.only(Fault.TOPIC_MISSING)
    assert (said.code, said.faults) == (1, {Fault.TOPIC_MISSING, Fault.WORKER_ABSENT})
    assert elsewhere.replies_topic in found["what"]
    assert found["command"] == "streamapp worker"
    assert [await partitions(elsewhere, topic.name) for topic in topics(elsewhere)] == [[]] * len(topics(elsewhere))


async def test_one_topic_that_is_missing_is_named_with_how_to_make_it(elsewhere: Settings) -> None:
    await make_topics(elsewhere, without="dead_letters_topic")
    await speak(elsewhere)
    said = await examine(elsewhere)
    found = said.only(Fault.TOPIC_MISSING)
    assert (said.code, said.faults) == (1, {Fault.TOPIC_MISSING})
    assert found["about"] == f"topic {elsewhere.dead_letters_topic}"
    assert found["command"].startswith(
        f"rpk topic create {elsewhere.dead_letters_topic} -p 2 -r 1 -c cleanup.policy="
    )


async def test_topics_with_other_settings_than_the_guarantees_rest_on(elsewhere: Settings) -> None:
    await make_topics(
        elsewhere,
        input_topic={"config": {"cleanup.policy": "compact"}},
        predictions_topic={"partitions": 1},
        dead_letters_topic={"config": {"max.message.bytes": "1048576"}},
        switches_topic={"config": {"retention.ms": "3600000"}},
        models_topic={"config": {"cleanup.policy": "delete"}},
    )
    await speak(elsewhere)
    said = await examine(elsewhere)
    found = {(one["about"].removeprefix("topic "), one["fault"]): one for one in said.findings()}
    size = 4 * elsewhere.max_record_bytes + 65536
    expected = {
        (elsewhere.input_topic, Fault.TOPIC_CLEANUP): (Level.ERROR, "--set cleanup.policy=delete"),
        (elsewhere.models_topic, Fault.TOPIC_CLEANUP): (Level.ERROR, "--set cleanup.policy=compact"),
        (elsewhere.predictions_topic, Fault.TOPIC_PARTITIONS): (Level.ERROR, " -n 1"),
        (elsewhere.dead_letters_topic, Fault.TOPIC_RECORD_SIZE): (Level.ERROR, f"--set max.message.bytes={size}"),
        (elsewhere.switches_topic, Fault.TOPIC_RETENTION): (Level.WARNING, "--set retention.ms=604800000"),
    }
    assert said.code == 1
    assert expected.keys() <= found.keys()
    for key, (level, command) in expected.items():
        assert found[key]["level"] == level
        assert found[key]["command"].startswith("rpk topic ")
        assert f" {key[0]} " in found[key]["command"]
        assert found[key]["command"].endswith(command)
    assert said.check("topics")["seen"] == [
        f"{len(topics(elsewhere)) - 5} of {len(topics(elsewhere))} topics are as they are to be"
    ]


def test_a_number_of_partitions_that_all_topics_have_and_the_settings_do_not() -> None:
    settings = load_settings(partitions=6)
    counts = {topic.name: min(topic.partitions, 4) for topic in topics(settings)} | {settings.models_topic: 3}
    found = {one.about: one for one in counted(topics(settings), counts, settings)}
    assert found.keys() == {"STREAMAPP_PARTITIONS", "STREAMAPP_REPLY_PARTITIONS", "topic models"}
    assert {one.level for one in found.values()} == {Level.WARNING}
    few = found["STREAMAPP_PARTITIONS"]
    assert few.what.startswith("mlops_stream, mlops_stream_marketplace, predictions, ")
    assert few.mend == "Set STREAMAPP_PARTITIONS to 4 for every part, or add partitions to each."


LOST = {
    "no leader": ({"leader": -1, "isr": []}, 1, Fault.TOPIC_OFFLINE, Level.ERROR),
    "a replica behind": ({"replicas": [1, 2, 3], "isr": [1, 2]}, 3, Fault.TOPIC_REPLICAS, Level.WARNING),
    "one replica on three nodes": ({}, 3, Fault.TOPIC_REPLICAS, Level.WARNING),
}


@pytest.mark.parametrize(("changed", "nodes", "fault", "level"), LOST.values(), ids=LOST)
def test_replicas_that_are_lost_or_too_few(changed: dict[str, Any], nodes: int, fault: Fault, level: Level) -> None:
    part = {"partition": 0, "leader": 1, "replicas": [1], "isr": [1], **changed}
    (found,) = judged(Topic("a", 1, 1), Found((part,), None), nodes)
    assert (found.fault, found.level, found.about) == (fault, level, "topic a")


@pytest.mark.parametrize(
    ("in_sync", "fault", "level"),
    [([1], Fault.TOPIC_MIN_INSYNC, Level.ERROR), ([1, 2], Fault.TOPIC_REPLICAS, Level.WARNING)],
)
def test_fewer_replicas_in_sync_than_a_write_needs(in_sync: list[int], fault: Fault, level: Level) -> None:
    part = {"partition": 4, "leader": 1, "replicas": [1, 2, 3], "isr": in_sync}
    config = {"cleanup.policy": "delete", "min.insync.replicas": "2"}
    topic = Topic("a", 1, 3, {"cleanup.policy": "delete"})
    (found,) = judged(topic, Found((part,), config), 3)
    assert (found.fault, found.level) == (fault, level)
    assert "partitions 4" in found.what


async def test_a_guarantee_that_the_broker_cannot_give(system: Settings) -> None:
    said = await examine(system.model_copy(update={"processing_guarantee": "exactly_once"}))
    found = said.only(Fault.GUARANTEE_IMPOSSIBLE)
    assert (said.code, said.faults) == (1, {Fault.GUARANTEE_IMPOSSIBLE})
    assert found["about"] == "STREAMAPP_PROCESSING_GUARANTEE=exactly_once"
    assert "at_least_once" in found["mend"]


@pytest.mark.parametrize(("versions", "faults"), [({0: (0, 2), 1: (0, 3)}, 1), ({0: (0, 3), 1: (4, 18)}, 0)])
def test_a_broker_that_is_too_old_for_headers(versions: dict[int, tuple[int, int]], faults: int) -> None:
    found: list[Finding] = list(subject.abilities("old:9092", versions))
    assert [one.fault for one in found] == [Fault.BROKER_OLD] * faults
