"""A broker that is away: 503 within 2 s, whatever happened to it, and recovery without a hand."""

import asyncio
import signal
import time

import httpx
import pytest
from aiokafka.producer.message_accumulator import MessageAccumulator
from edge_support import card, pause, post, put_cards, ready, records, running
from waiting import eventually

from api.admission.room import Room
from api.errors import Overloaded
from api.publishing.publisher import Publisher
from streamapp.contracts.errors import BrokerUnavailable
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, free_port


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The settings of a broker that does not run yet, and an edge that has not much patience with it.

    Callers and edge share one loop here, and coverage slows both: less patience leaves them more of the two seconds.
    """
    return settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}", "publish_timeout": 0.8})


async def start_broker(processes: Processes, settings: Settings) -> Child:
    return await processes.run(services.broker(int(settings.broker.rpartition(":")[2])))


async def accepted(client: httpx.AsyncClient) -> bool:
    return (await post(client))[0] == 202


async def test_an_edge_that_never_met_a_broker_answers_and_comes_to_life_with_it(
    own: Processes, settings: Settings
) -> None:
    async with running(settings) as client:
        assert (await client.get("/livez")).status_code == 200
        checks = (await client.get("/readyz")).json()["checks"]
        assert not checks["broker"]["ok"]
        assert settings.broker in checks["broker"]["detail"]
        assert await post(client) == (503, "no_models")

        await start_broker(own, settings)
        await put_cards(settings, card("svm"))
        await eventually(lambda: ready(client), "the edge to be ready")
        assert await accepted(client)
    await records(settings, 1)


async def test_a_broker_that_ended_gives_503_until_another_one_is_there(own: Processes, settings: Settings) -> None:
    child = await start_broker(own, settings)
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        assert await accepted(client)

        await own.stop(child, number=signal.SIGKILL)
        answers = await asyncio.gather(*(post(client) for _ in range(30)))
        assert set(answers) == {(503, "broker_unavailable")}
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200

        # The new one knows of nothing: the edge makes the topics anew and keeps the cards it had.
        await start_broker(own, settings)
        await eventually(lambda: accepted(client), "a request to be accepted")
        await eventually(lambda: ready(client), "the edge to be ready")


async def test_a_broker_that_hangs_gives_503_until_it_goes_on(own: Processes, settings: Settings) -> None:
    child = await start_broker(own, settings)
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await pause(child)
        try:
            answers = await asyncio.gather(*(post(client) for _ in range(30)))
            again = await post(client)
        finally:
            child.process.send_signal(signal.SIGCONT)
        assert {*answers, again} == {(503, "broker_unavailable")}
        await eventually(lambda: accepted(client), "a request to be accepted")


async def test_an_edge_stops_in_time_while_the_broker_hangs(own: Processes, settings: Settings) -> None:
    child = await start_broker(own, settings)
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await pause(child)
        assert await post(client) == (503, "broker_unavailable")
        stopped = time.monotonic()
    child.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - stopped < settings.shutdown_timeout


async def test_a_new_broker_with_other_cards_is_read_from_its_beginning(own: Processes, settings: Settings) -> None:
    child = await start_broker(own, settings)
    await put_cards(settings, card("svm", version="1"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await own.stop(child, number=signal.SIGKILL)
        await start_broker(own, settings)
        await put_cards(settings, card("svm", version="2"))  # at the offset of the first one

        async def renewed() -> bool:
            [model] = (await client.get("/models")).json()["models"]
            return bool(model["version"] == "2")

        await eventually(renewed, "the new card")


async def test_what_waits_for_the_broker_is_bounded(own: Processes, settings: Settings) -> None:
    child = await start_broker(own, settings)
    publisher = Publisher(settings, Room(20_000))
    task = asyncio.create_task(publisher.run())
    await publisher.topics_ready.wait()
    await pause(child)
    try:
        sent = [asyncio.create_task(publisher.publish(b"{}", [], settings.input_topic)) for _ in range(3)]
        done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED, timeout=1)
        assert [type(refused.exception()) for refused in done] == [Overloaded]  # "overloaded" in HTTP
        for waiting in sent[:2]:
            with pytest.raises(BrokerUnavailable):
                await waiting
    finally:
        child.process.send_signal(signal.SIGCONT)
    assert (await publisher.publish(b"{}", [], settings.input_topic)).offset >= 0  # room again
    task.cancel()
    await asyncio.wait([task])


async def test_a_producer_that_died_is_replaced(
    own: Processes, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # aiokafka leaves one of the futures with the error unread; asyncio would say so whenever it is collected.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await start_broker(own, settings)
    await put_cards(settings, card("svm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        with monkeypatch.context() as patch:
            patch.setattr(MessageAccumulator, "drain_by_nodes", lambda *_, **__: 1 / 0)
            assert await post(client) == (503, "broker_unavailable")
        await eventually(lambda: accepted(client), "a request to be accepted")
