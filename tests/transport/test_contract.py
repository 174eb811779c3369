"""What the transport leans on in Faust and aiokafka: a new version that changes one of these shows here first."""

import inspect
from importlib.metadata import version

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as stock
from faust.transport.drivers import by_url

from streamapp.transport import Transport
from streamapp.transport.consumer import Consumer
from streamapp.transport.thread import ConsumerThread


def test_faust_finds_the_transport_by_its_scheme() -> None:
    assert by_url("batch://localhost:9092") is Transport


@pytest.mark.parametrize(
    ("package", "pinned"), [("faust-streaming", "0.15.3"), ("aiokafka", "0.14.0"), ("mode-streaming", "0.7.1")]
)
def test_the_versions_are_those_that_the_transport_was_written_for(package: str, pinned: str) -> None:
    assert version(package) == pinned


@pytest.mark.parametrize(
    "name",
    [name for name, member in vars(Consumer).items() if inspect.isfunction(member) and hasattr(stock.Consumer, name)],
)
def test_an_override_takes_what_the_original_takes(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(cls, name)).parameters for cls in (Consumer, stock.Consumer))
    if name != "__init__":
        assert len(ours) == len(theirs), (list(ours), list(theirs))


def test_there_is_something_to_override() -> None:
    for name in ("_drain_messages", "_new_offset", "_add_gap", "_should_commit", "_filter_tps_with_pending_acks"):
        assert hasattr(stock.Consumer, name), name
    assert hasattr(stock.AIOKafkaConsumerThread, "_create_worker_consumer")
    assert issubclass(ConsumerThread, stock.AIOKafkaConsumerThread)


async def test_aiokafka_keeps_the_options_where_the_transport_sets_them() -> None:
    consumer = AIOKafkaConsumer(isolation_level="read_committed", fetch_max_wait_ms=7)
    assert (consumer._isolation_level, consumer._fetch_max_wait_ms) == ("read_committed", 7)
    await consumer.stop()


def test_faust_acknowledges_through_the_attribute_that_holds_our_rule() -> None:
    assert "acked" in inspect.getsource(faust.types.Message.ack)
    assert "message.acked = True" in inspect.getsource(stock.Consumer.ack)
