"""Exactly-once delivery on Apache Kafka: what is read with read_committed, and what the group has committed."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apache_kafka
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError
from delivery_support import CARD, read, refused, scored
from unique import unique_settings

from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.errors import BrokerUnavailable, SettingsError
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.delivery.at_least_once import AtLeastOnce
from streamapp.delivery.configured import Configured, choose
from streamapp.delivery.exactly_once import ExactlyOnce
from streamapp.delivery.lane import Lane
from streamapp.embedded.processes import Processes, free_port
from streamapp.scoring.records import Outcome

Make = Callable[[], ExactlyOnce]

#: What a broker that has just made its first group says for a moment.
_SOON = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


@pytest.fixture
async def make(kafka_settings: Settings) -> AsyncIterator[Make]:
    """Makes deliveries of one group; each is as one worker has it."""
    await kafka.ensure_topics(kafka_settings, topics(kafka_settings), "test")
    made = []

    def delivery() -> ExactlyOnce:
        made.append(ExactlyOnce(kafka_settings, backoff=0.01))
        return made[-1]

    yield delivery
    for one in made:
        await one.stop()


def outcome(settings: Settings, start: int, stop: int, worker: str = "") -> Outcome:
    """Return predictions of the records [start, stop) of partition 0, the last one of them refused."""
    topic = settings.input_topic
    predictions = [scored(i, value=f"{worker}{i}".encode(), topic=topic) for i in range(start, stop - 1)]
    return Outcome(predictions, [refused(stop - 1, partition=0, topic=topic)])


async def visible(settings: Settings, count: int) -> list[str]:
    """Read predictions until there are `count`, and all that is behind them."""
    await read(settings, settings.predictions_topic, count)
    async with kafka.consumer(settings, "test") as consumer:
        partition = TopicPartition(settings.predictions_topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        found = []
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(record.value.decode() for record in records)
    return found


async def committed(settings: Settings) -> int | None:
    """Return the committed offset of input partition 0."""
    client = AIOKafkaClient(**kafka.connection(settings, "test"))
    await client.bootstrap()
    try:
        while True:
            with contextlib.suppress(*_SOON):
                return await kafka.committed(client, settings.group, TopicPartition(settings.input_topic, 0))
    finally:
        await client.close()


async def fill(settings: Settings, count: int) -> None:
    """Put records on input partition 0."""
    async with kafka.producer(settings, "test") as producer:
        for _ in range(count):
            await producer.send_and_wait(settings.input_topic, b"{}", partition=0)


async def test_the_broker_sends_nothing_back(
    make: Make, kafka_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = make()
    await delivery.start()
    await delivery.deliver(outcome(kafka_settings, 0, 2))  # a broker makes its first group meanwhile
    caplog.clear()
    for start in range(2, 60, 2):
        await delivery.deliver(outcome(kafka_settings, start, start + 2))
    assert [one for one in caplog.messages if "retrying" in one] == []


async def test_outputs_and_offset_arrive_together(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    assert await committed(kafka_settings) is None
    await delivery.deliver(outcome(kafka_settings, 0, 5))
    await delivery.deliver(outcome(kafka_settings, 5, 9))
    assert await committed(kafka_settings) == 9
    assert await visible(kafka_settings, 7) == ["0", "1", "2", "3", "5", "6", "7"]
    letters = await read(kafka_settings, kafka_settings.dead_letters_topic, 2)
    assert [dict(letter.headers)["dl_offset"] for letter in letters] == [b"4", b"8"]


async def test_partitions_are_delivered_side_by_side(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    topic = kafka_settings.input_topic
    await delivery.deliver(Outcome([scored(i, i % 4, b"%d" % i, topic=topic) for i in range(40)], []))
    assert len(await read(kafka_settings, kafka_settings.predictions_topic, 40)) == 40


class DiesBetween(Lane):
    """Stands for a worker that dies between produce and commit."""

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        raise asyncio.CancelledError


async def test_what_a_dead_worker_left_open_is_never_seen_and_delivered_by_the_next(
    make: Make, kafka_settings: Settings
) -> None:
    dead, heir = make(), make()
    dead.lane = DiesBetween  # type: ignore[misc]  # of this one only
    with pytest.raises(asyncio.CancelledError):
        await dead._lane(TopicPartition(kafka_settings.input_topic, 0))._attempt(outcome(kafka_settings, 0, 5), 5)
    await heir.deliver(outcome(kafka_settings, 0, 5, "heir-"))
    assert await visible(kafka_settings, 4) == ["heir-0", "heir-1", "heir-2", "heir-3"]
    assert await committed(kafka_settings) == 5


async def test_a_zombie_is_fenced_and_repeats_nothing(make: Make, kafka_settings: Settings) -> None:
    zombie, heir = make(), make()
    await fill(kafka_settings, 11)
    await zombie.deliver(outcome(kafka_settings, 0, 5, "zombie-"))
    await heir.deliver(outcome(kafka_settings, 5, 9, "heir-"))
    # It was paused with this batch in hand and does not know yet that the partition is another's.
    await zombie.deliver(outcome(kafka_settings, 5, 9, "zombie-"))
    await heir.deliver(outcome(kafka_settings, 9, 11, "heir-"))
    assert await visible(kafka_settings, 8) == [f"zombie-{i}" for i in range(4)] + [
        "heir-5",
        "heir-6",
        "heir-7",
        "heir-9",
    ]


async def test_a_worker_that_starts_behind_the_committed_offset_leaves_out_what_is_done(
    make: Make, kafka_settings: Settings
) -> None:
    await fill(kafka_settings, 9)
    await make().deliver(outcome(kafka_settings, 0, 5))
    await make().deliver(outcome(kafka_settings, 2, 9, "again-"))
    assert await visible(kafka_settings, 7) == ["0", "1", "2", "3", "again-5", "again-6", "again-7"]
    assert await committed(kafka_settings) == 9


class IsCancelled(Lane):
    """Is cancelled by something of aiokafka's, once."""

    deaf = True

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        if self.deaf:
            self.deaf = False
            raise asyncio.CancelledError
        await super()._commit(producer)


async def test_a_cancellation_that_nobody_of_ours_asked_for_is_no_delivery(
    make: Make, kafka_settings: Settings
) -> None:
    delivery = make()
    delivery.lane = IsCancelled  # type: ignore[misc]  # of this one only
    await delivery.deliver(outcome(kafka_settings, 0, 5))
    assert await committed(kafka_settings) == 5
    assert await visible(kafka_settings, 4) == ["0", "1", "2", "3"]


async def test_a_committed_offset_behind_the_end_of_the_topic_is_of_another_one(
    make: Make, kafka_settings: Settings
) -> None:
    """As after a topic was made anew while a batch of the old one was in delivery."""
    await make().deliver(outcome(kafka_settings, 50, 100))
    await fill(kafka_settings, 5)
    await make().deliver(outcome(kafka_settings, 0, 5, "new-"))
    assert (await visible(kafka_settings, 53))[-4:] == ["new-0", "new-1", "new-2", "new-3"]
    assert await committed(kafka_settings) == 5


class LosesTheAnswer(Lane):
    """Commits, but does not hear of it the first time."""

    deaf = True

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        await super()._commit(producer)
        if self.deaf:
            self.deaf = False
            raise TimeoutError


async def test_a_commit_whose_answer_was_lost_is_not_repeated(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    await fill(kafka_settings, 7)
    delivery.lane = LosesTheAnswer  # type: ignore[misc]  # of this one only
    await delivery.deliver(outcome(kafka_settings, 0, 5))
    await delivery.deliver(outcome(kafka_settings, 5, 7))
    assert await visible(kafka_settings, 5) == ["0", "1", "2", "3", "5"]


class Waits(Lane):
    """Stands before its commit until it is told to go on."""

    async def _commit(self, producer: AIOKafkaProducer) -> None:
        await asyncio.Event().wait()


async def test_a_batch_given_up_half_way_is_aborted_and_holds_nobody_up(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    delivery.lane = Waits  # type: ignore[misc]  # of this one only
    lost = False
    pending = asyncio.create_task(delivery.deliver(outcome(kafka_settings, 0, 5), lambda: lost))
    (open_record,) = await _uncommitted(kafka_settings)
    assert open_record == "0"
    lost = True
    async with asyncio.timeout(10):
        await pending
    plain = AtLeastOnce(kafka_settings, idempotent=True)
    await plain.start()
    await plain.deliver(Outcome([scored(7, value=b"after")], []))
    assert await visible(kafka_settings, 1) == ["after"]
    assert await committed(kafka_settings) is None
    await plain.stop()


async def _uncommitted(settings: Settings) -> list[str]:
    """Wait until something is on the predictions topic, committed or not; return its first record."""
    async with kafka.consumer(settings, "test", isolation_level="read_uncommitted") as consumer:
        consumer.assign([TopicPartition(settings.predictions_topic, 0)])
        async with asyncio.timeout(20):
            return [(await consumer.getone()).value.decode()]


async def test_what_was_given_up_before_is_not_delivered(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    await delivery.deliver(outcome(kafka_settings, 0, 5), lambda: True)
    await delivery.deliver(outcome(kafka_settings, 0, 3))
    assert await visible(kafka_settings, 2) == ["0", "1"]


async def test_a_record_that_the_broker_refuses_for_good_ends_it_with_nothing_committed(
    make: Make, kafka_settings: Settings
) -> None:
    delivery = make()
    topic = kafka_settings.input_topic
    large = b"x" * (kafka_settings.max_output_bytes + 100_000)
    with pytest.raises(BrokerUnavailable, match=topic):
        await delivery.deliver(Outcome([scored(0, topic=topic), scored(1, value=large, topic=topic)], []))
    assert await committed(kafka_settings) is None


async def test_a_record_of_a_compacted_topic_is_published_under_its_key(make: Make, kafka_settings: Settings) -> None:
    delivery = make()
    await delivery.start()
    await delivery.publish(kafka_settings.models_topic, "svm", codec.encode(CARD))
    (record,) = await read(kafka_settings.model_copy(update={"partitions": 1}), kafka_settings.models_topic, 1)
    assert (record.key, codec.decode_card(record.value)) == (b"svm", CARD)


async def test_exactly_once_is_refused_where_the_broker_has_no_transactions(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"STREAMAPP_PROCESSING_GUARANTEE.*no transactions.*at_least_once"):
        await Configured(settings.model_copy(update={"processing_guarantee": "exactly_once"})).start()


@pytest.mark.parametrize(
    ("wanted", "kind"), [("auto", ExactlyOnce), ("exactly_once", ExactlyOnce), ("at_least_once", AtLeastOnce)]
)
async def test_on_kafka_the_guarantee_is_what_was_asked_for(
    kafka_settings: Settings, wanted: str, kind: type
) -> None:
    chosen = await choose(kafka_settings.model_copy(update={"processing_guarantee": wanted}))
    assert isinstance(chosen, kind)
    assert chosen.commits_offsets == (kind is ExactlyOnce)


async def test_by_itself_the_embedded_broker_gets_at_least_once(settings: Settings) -> None:
    assert isinstance(await choose(settings), AtLeastOnce)


async def test_a_broker_that_dies_and_comes_back_delays_a_delivery_and_nothing_else(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    apache_kafka.require()
    broker = apache_kafka.ApacheKafka(processes, tmp_path / "kafka")
    await broker.start()
    settings = unique_settings(broker.address, redis_url, tmp_path)
    await kafka.ensure_topics(settings, topics(settings), "test")
    delivery = ExactlyOnce(settings)
    await delivery.deliver(outcome(settings, 0, 5))
    await broker.kill()
    pending = asyncio.create_task(delivery.deliver(outcome(settings, 5, 9)))
    done, _ = await asyncio.wait([pending], timeout=1.0)
    assert not done
    await broker.start()
    async with asyncio.timeout(60):
        await pending
    assert await visible(settings, 7) == ["0", "1", "2", "3", "5", "6", "7"]
    assert await committed(settings) == 9
    await delivery.stop()
    await broker.stop()


async def test_a_delivery_to_a_broker_that_hangs_can_be_given_up_and_leaves_no_task_behind(
    processes: Processes, redis_url: str, tmp_path: Path
) -> None:
    apache_kafka.require()
    broker = apache_kafka.ApacheKafka(processes, tmp_path / "kafka")
    child = await broker.start()
    settings = unique_settings(broker.address, redis_url, tmp_path)
    await kafka.ensure_topics(settings, topics(settings), "test")
    delivery = ExactlyOnce(settings)
    await delivery.deliver(outcome(settings, 0, 5))
    child.process.send_signal(signal.SIGSTOP)
    lost = False
    pending = asyncio.create_task(delivery.deliver(outcome(settings, 5, 9), lambda: lost))
    done, _ = await asyncio.wait([pending], timeout=1.0)
    assert not done
    lost = True
    async with asyncio.timeout(20):
        await pending
        await delivery.stop()
        await asyncio.sleep(0)  # tasks that were cancelled end
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []
    child.process.send_signal(signal.SIGCONT)
    await broker.kill()


async def test_without_a_broker_start_names_the_setting(settings: Settings) -> None:
    away = ExactlyOnce(settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"}))
    with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
        await away.start()
