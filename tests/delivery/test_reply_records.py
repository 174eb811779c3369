"""Replies and switches: what goes out beside an outcome, together with it."""

from typing import Any

import msgspec
import pytest
from delivery_support import In, read, refused, written
from hypothesis import given
from hypothesis import strategies as st

from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import Switch
from streamapp.contracts.topics import topics
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.delivery.records import after
from streamapp.delivery.replies import answers
from streamapp.scoring.records import Outcome, Scored


def switch_on(topic: str) -> Switch:
    return Switch("svm", "SVC", "2", "run", topic, 1, 5, "2026-01-02T03:04:05.678Z")


def asking(partition: bytes = b"3", name: bytes = b"edge-1") -> tuple[tuple[str, bytes], ...]:
    return (("ce_id", b"x"), (codec.REPLY_TO, name), (codec.REPLY_PARTITION, partition))


def outcome(topic: str = "in") -> Outcome:
    """A prediction and a dead letter that somebody waits for, one that nobody does, and a version's first outcome."""
    waited, alone = In(5, 1, topic, headers=asking()), In(6, 1, topic)
    letter = msgspec.structs.replace(refused(7, topic=topic), headers=asking(b"0"))
    return Outcome([Scored(waited, "x", b'{"a":1}'), Scored(alone, "id-6", b'{"a":2}')], [letter], [switch_on(topic)])


@pytest.fixture(params=["embedded", "kafka"])
def delivered(request: pytest.FixtureRequest) -> tuple[AtLeastOnce | ExactlyOnce, Settings]:
    if request.param == "embedded":
        settings = request.getfixturevalue("settings")
        return AtLeastOnce(settings), settings
    settings = request.getfixturevalue("kafka_settings")
    return ExactlyOnce(settings), settings


async def test_who_waits_gets_a_copy_and_a_switch_is_on_its_topic(
    delivered: tuple[AtLeastOnce | ExactlyOnce, Settings],
) -> None:
    delivery, settings = delivered
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test") as producer:
        for _ in range(8):
            await producer.send_and_wait(settings.input_topic, b"{}", partition=1)
    await delivery.start()
    await delivery.deliver(outcome(settings.input_topic))
    await delivery.stop()
    found = {record.partition: record for record in await read(settings, settings.replies_topic, 2)}
    assert {partition: record.value for partition, record in found.items()} == {3: b'{"a":1}', 0: None}
    assert all(dict(record.headers)[codec.REPLY_TO] == b"edge-1" for record in found.values())
    assert all(dict(record.headers)["ce_id"] == b"x" for record in found.values())
    letter = codec.decode_dead_letter(None, None, found[0].headers)
    assert (letter.code, letter.offset) == ("malformed_json", 7)
    one = settings.model_copy(update={"partitions": 1})
    (switch,) = await read(one, settings.switches_topic, 1)
    assert (switch.key, codec.decode_switch(switch.value)) == (b"svm", switch_on(settings.input_topic))


def test_predictions_name_the_topic_of_their_request() -> None:
    ((target, record),) = written(Outcome([Scored(In(5, topic="slow"), "x", b"{}")], []), Settings())
    assert dict(record.headers)[codec.INPUT_TOPIC] == b"slow"
    assert target.topic == "predictions"


def test_a_switch_whose_first_records_are_done_takes_effect_behind_them() -> None:
    (switch,) = after(outcome(), 6).switches
    assert switch.offset == 6


NAMES = st.sampled_from([codec.REPLY_TO, codec.REPLY_PARTITION, "x"])


@given(headers=st.lists(st.tuples(NAMES, st.none() | st.binary())))
def test_whatever_headers_ask_for_a_reply_goes_to_a_partition_that_is_there(headers: Any) -> None:
    record = In(1, headers=tuple(headers))
    for answer in answers(Outcome([Scored(record, "id", b"{}")], []), 16):
        assert 0 <= answer.partition < 16
        assert dict(answer.headers)[codec.REPLY_TO]


@pytest.mark.parametrize("partition", [b"16", b"-1", b"x", b"", b"9" * 5000])
def test_who_asks_for_a_partition_that_is_not_there_gets_no_reply(partition: bytes) -> None:
    record = In(1, headers=asking(partition))
    assert list(answers(Outcome([Scored(record, "id", b"{}")], []), 16)) == []
