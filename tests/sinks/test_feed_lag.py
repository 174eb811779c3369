"""How many records wait for a sink, while it keeps them and while it refuses them."""

from functools import partial

import pytest
from sinks_support import following, predict
from waiting import eventually

from streamapp.contracts.errors import BrokerUnavailable, ServiceError
from streamapp.contracts.settings import Settings
from streamapp.sinks.memory import MemorySink
from streamapp.sinks.ports import Batch, Predicted
from streamapp.sinks.source import MAX_RECORDS, open_source
from streamapp.sinks.standing import Standing


class Watching(MemorySink[Predicted]):
    """Looks at each write how many records of partition 1 wait; refuses it while it is full, and answers still."""

    def __init__(self, standing: Standing, *, full: bool) -> None:
        super().__init__()
        self.full = full
        self.seen: list[int] = []
        self._standing = standing

    async def write(self, batch: Batch[Predicted]) -> None:
        self.seen.append(self._standing.lag[1] + len(self.entries))
        if self.full:
            raise ServiceError("There is no room.")
        await super().write(batch)


async def test_what_a_sink_refuses_over_and_over_waits_once(settings: Settings) -> None:
    await predict(settings, range(300), partition=1)
    standing = Standing("test")
    sink = Watching(standing, full=True)
    async with following(settings, sink, standing):
        await eventually(lambda: len(sink.seen) >= 4)
        assert set(sink.seen) == {300}
        assert standing.lag[1] == 300
        sink.full = False
        await eventually(lambda: standing.lag, expected=dict.fromkeys(range(settings.partitions), 0))
    assert set(sink.seen) == {300}
    assert standing.delay == 0


async def test_of_a_backlog_each_record_waits_until_it_is_kept(settings: Settings) -> None:
    records = 2 * MAX_RECORDS + 500
    await predict(settings, range(records), partition=1)
    standing = Standing("test")
    sink = Watching(standing, full=False)
    async with following(settings, sink, standing):
        await eventually(lambda: len(sink.entries), expected=records)
    assert len(sink.seen) >= 3
    assert set(sink.seen) == {records}


async def test_a_consumer_that_cannot_say_where_it_is_is_a_broker_that_failed(settings: Settings) -> None:
    await predict(settings, range(3))
    async with open_source(settings, settings.predictions_topic) as source:
        source.seek(dict.fromkeys(source.partitions, 0))
        await eventually(partial(unread, source), expected=3)
        source._consumer.unsubscribe()
        with pytest.raises(BrokerUnavailable, match="STREAMAPP_BROKER"):
            await source.lag()


async def unread(source: object) -> int:
    """Records that the source has found on partition 0, read or not."""
    read, left = await source.read(), await source.lag()  # type: ignore[attr-defined]
    return len(read.get(0, ())) + int(left.get(0, 0))
