"""One behaviour for every sink: order, resumption, repeats, lost acknowledgements, topics made anew."""

from collections.abc import Collection, Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from raw_records import RawName, send_batch
from sinks_support import Backend, by_partition, following, ids, origin, predict, prediction, send
from waiting import eventually

from streamapp.clients import kafka
from streamapp.contracts.errors import ServiceError
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port
from streamapp.sinks.ports import Batch, Displaced, Newest, Position, Predicted, Sink


class Forgetful:
    """A sink whose acknowledgements are lost: it keeps a batch and then fails, every other time."""

    def __init__(self, sink: Sink[Predicted]) -> None:
        self._sink = sink
        self.lost = 0
        self.writes = 0

    async def positions(self, partitions: Collection[int]) -> dict[int, Position]:
        return await self._sink.positions(partitions)

    async def write(self, batch: Batch[Predicted]) -> None:
        await self._sink.write(batch)
        self.writes += 1
        if self.writes % 2:
            self.lost += 1
            raise ServiceError("The acknowledgement was lost.")

    async def restart(self, kept: Mapping[int, Position]) -> None:
        await self._sink.restart(kept)

    async def close(self) -> None:
        await self._sink.close()


async def test_order_is_kept_in_each_partition(settings: Settings, backend: Backend) -> None:
    for partition in range(settings.partitions):
        await predict(settings, range(300), partition=partition)
    expected = {partition: ids(range(300), partition=partition) for partition in range(settings.partitions)}
    async with following(settings, backend.sink()):
        await eventually(lambda: by_partition_of(backend), expected=expected)


async def test_a_restart_resumes_without_gap_or_repeat(settings: Settings, backend: Backend) -> None:
    for start in (0, 50, 100):
        await predict(settings, range(start, start + 50), partition=1)
        async with following(settings, backend.sink()):
            await eventually(backend.ids, expected=ids(range(start + 50), partition=1))


async def test_a_request_predicted_twice_is_kept_once(settings: Settings, backend: Backend) -> None:
    await predict(settings, [0, 1, 2, 3, 2, 3])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(4)))
    await predict(settings, [1, 2, 3, 4, 3, 4, 5])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(6)))


async def test_predictions_of_several_input_topics_swallow_none_of_each_other_and_drop_their_own_repeats(
    settings: Settings, backend: Backend
) -> None:
    slow = settings.topic_of("marketplace")
    await predict(settings, range(100, 110))
    await predict(settings, [0, 1], clock=200, topic=slow)  # lower offsets, and older: no repeats of the others
    await predict(settings, [109, 110], topic=settings.input_topic)
    await predict(settings, [1, 2], clock=200, topic=slow)
    expected = [*ids(range(100, 110)), *ids([0, 1], clock=200), *ids([110]), *ids([2], clock=200)]
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=expected)
    await predict(settings, [110], topic=settings.input_topic)
    await predict(settings, [2, 3], clock=200, topic=slow)
    await predict(settings, [111])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=[*expected, *ids([3], clock=200), *ids([111])])


async def test_requests_of_an_input_topic_made_anew_are_no_repeats(settings: Settings, backend: Backend) -> None:
    await predict(settings, range(10), clock=1000)
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(10)))
    await predict(settings, [0, 1, 2, 1, 2], clock=5000)
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(10)) + ids(range(3), clock=5000))


async def test_predictions_that_tell_no_request_of_their_partition_are_all_kept(
    settings: Settings, backend: Backend
) -> None:
    await predict(settings, [7])
    plain = [(0, prediction("a"), []), (0, prediction("b"), [])]
    foreign = [(0, prediction("c"), [("input_partition", b"3"), ("input_offset", b"1")])]
    broken = [(0, prediction("d"), [("input_partition", b"x"), ("input_offset", b"")])]
    nowhere = [(0, prediction("e"), origin(0, 1, 1, topic)) for topic in ("", "a,b", 'x:1 "', "\u00e9")]
    await send(settings, settings.predictions_topic, [*plain, *foreign, *broken, *nowhere])
    expected = [*ids([7]), "a", "b", "c", "d", "e", "e", "e", "e"]
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=expected)
    await predict(settings, [7, 8])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=[*expected, *ids([8])])


async def test_records_that_are_no_predictions_are_stepped_over(settings: Settings, backend: Backend) -> None:
    nested = b'{"predictions":' + b"[" * 5000
    bad = [(0, value, []) for value in (b"not JSON", None, b"[]", b"\xff", nested)]
    await send(settings, settings.predictions_topic, [*bad, (0, prediction("good"), []), *bad])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=["good"])
    await send(settings, settings.predictions_topic, [(0, prediction("next"), [])])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=["good", "next"])


async def test_a_header_name_that_is_no_utf8_stops_nothing(settings: Settings, backend: Backend) -> None:
    await predict(settings, [0])
    async with kafka.producer(settings, "test") as producer:
        records = [(prediction("a"), []), (prediction("b"), [(RawName(b"\xff"), b"")]), (prediction("c"), [])]
        await send_batch(producer, settings.predictions_topic, 0, records)
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=[*ids([0]), "a", "b", "c"])


async def test_a_lost_acknowledgement_repeats_nothing(settings: Settings, backend: Backend) -> None:
    sink = Forgetful(backend.sink())
    async with following(settings, sink):
        for start in range(0, 200, 40):
            await predict(settings, range(start, start + 40), partition=2)
            await eventually(backend.ids, expected=ids(range(start + 40), partition=2))
    assert sink.lost


async def test_a_batch_from_another_position_is_refused(settings: Settings, backend: Backend) -> None:
    await predict(settings, range(3))
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(3)))
    sink = backend.sink()
    kept = await sink.positions([0])
    assert kept == {0: Position(3, {settings.input_topic: Newest(2, 1002)})}
    with pytest.raises(Displaced):
        await sink.write(Batch(0, Position(2), Position(3), []))
    with pytest.raises(Displaced):
        await sink.restart({0: Position(2)})
    assert await sink.positions([0]) == kept
    await sink.close()


async def test_a_topic_made_anew_is_followed_from_its_beginning(
    settings: Settings, backend: Backend, own_processes: Processes
) -> None:
    port = free_port()
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{port}"})
    broker = await own_processes.run(services.broker(port))
    await predict(settings, range(20))
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(20)))
        await own_processes.stop(broker)
        broker = await own_processes.run(services.broker(port))
        await predict(settings, range(5), clock=1)
        await eventually(backend.ids, expected=ids(range(20)) + ids(range(5), clock=1))
    await own_processes.stop(broker)
    await own_processes.run(services.broker(port))
    async with following(settings, backend.sink()):
        await predict(settings, range(3), clock=2)
        await eventually(backend.ids, expected=ids(range(20)) + ids(range(5), clock=1) + ids(range(3), clock=2))


async def test_a_topic_that_was_deleted_is_made_and_followed_again(settings: Settings, backend: Backend) -> None:
    await predict(settings, range(10))
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(10)))
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
        await admin.start()
        await admin.delete_topics([settings.predictions_topic])
        await admin.close()
        await predict(settings, range(5), clock=2000)
        await eventually(backend.ids, expected=ids(range(10)) + ids(range(5), clock=2000))


async def by_partition_of(backend: Backend) -> dict[int, list[str]]:
    return by_partition(await backend.ids())
