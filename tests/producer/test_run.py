import asyncio
import time
from collections import Counter
from itertools import islice

from producer_support import Edge, on_topic

from producer.http import HttpSender
from producer.messages import Call, Record, Route, request
from producer.run import Request, by_kind, run
from producer.summary import Tally
from producer.topic import TopicSender
from producer.traffic import traffic
from streamapp.contracts.codec import decode_request
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import free_port

CALL = Call("svm", b"{}")


async def send_all(url: str, settings: Settings, requests: list[Request], concurrency: int = 16) -> Tally:
    tally = Tally()
    async with HttpSender(url, concurrency) as http, TopicSender(settings) as topic:
        send = by_kind(http.send, topic.send)
        await run(requests, send, rate=0, concurrency=concurrency, stop=asyncio.Event(), tally=tally)
    return tally


async def test_counts_add_up_with_bad_requests_on_both_ways(edge: Edge, settings: Settings) -> None:
    requests = list(islice(traffic(bad_fraction=0.3, seed=1), 300))
    summary = (await send_all(edge.url, settings, requests)).summary(1.0)

    raw = sum(isinstance(request, Record) for request in requests)
    assert summary.to_topic == raw > 0
    assert summary.by_status == {str(status): count for status, count in edge.statuses.items()}
    assert summary.sent == edge.statuses[202] + raw
    assert summary.rejected == edge.statuses[404] + edge.statuses[422] > 0
    assert summary.failed == 0
    assert summary.sent + summary.rejected == 300
    values = Counter(record.value for record in await on_topic(settings, raw))
    assert values == Counter(request.value for request in requests if isinstance(request, Record))


async def test_records_on_the_topic_carry_an_id_of_their_own(settings: Settings) -> None:
    requests = list(islice(traffic(route=Route.TOPIC, rows=2, seed=1), 50))
    summary = (await send_all("http://127.0.0.1:9", settings, requests)).summary(1.0)
    assert (summary.sent, summary.to_topic, summary.by_status) == (50, 50, {})

    records = await on_topic(settings, 50)
    headers = [dict(record.headers) for record in records]
    assert len({header["ce_id"] for header in headers}) == 50
    assert {header["ce_type"] for header in headers} == {b"streamapp.request"}
    assert Counter(decode_request(record.value).model for record in records) == {"svm": 17, "knn": 17, "lightgbm": 16}


async def test_a_record_goes_to_the_topic_of_its_model(settings: Settings) -> None:
    records = [request(Route.TOPIC, model, [{}]) for model in ("svm", "marketplace", "knn")]
    await send_all("http://127.0.0.1:9", settings, [*records, Record(None)])
    for model, count in {"marketplace": 1, "svm": 3}.items():
        assert len(await on_topic(settings, count, model)) == count


async def test_server_and_broker_that_are_away_are_counted_and_tried_again(settings: Settings) -> None:
    away = settings.model_copy(update={"broker": f"127.0.0.1:{free_port()}"})
    requests = [CALL, Record(b"1")] * 5
    summary = (await send_all(f"http://127.0.0.1:{free_port()}", away, requests)).summary(1.0)
    assert (summary.sent, summary.rejected, summary.failed) == (0, 0, 10)
    assert summary.by_status == {"no_answer": 5, "not_acknowledged": 5}


async def test_rate_is_held(edge: Edge, settings: Settings) -> None:
    async with HttpSender(edge.url, 16) as http:
        send = by_kind(http.send, TopicSender(settings).send)
        summary = await run([CALL] * 50, send, rate=25, concurrency=16, stop=asyncio.Event(), tally=Tally())
    assert summary.sent == 50
    assert 1.96 <= summary.seconds < 3.0


async def test_slow_answers_do_not_slow_the_pace() -> None:
    async def slow(_: Request) -> str:
        await asyncio.sleep(0.3)
        return "202"

    summary = await run([CALL] * 20, slow, rate=200, concurrency=64, stop=asyncio.Event(), tally=Tally())
    assert summary.sent == 20
    assert summary.seconds < 1.0  # one after the other: 6 s


async def test_no_more_than_the_bound_are_in_flight() -> None:
    flying, most = 0, 0

    async def send(_: Request) -> str:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.005)
        flying -= 1
        return "503"

    summary = await run([CALL] * 50, send, rate=0, concurrency=4, stop=asyncio.Event(), tally=Tally())
    assert (most, summary.failed) == (4, 50)


async def test_stop_ends_a_wait_and_lets_what_is_in_flight_finish() -> None:
    stop, tally = asyncio.Event(), Tally()

    async def send(_: Request) -> str:
        stop.set()
        await asyncio.sleep(0.05)
        return "202"

    start = time.monotonic()
    summary = await run([CALL, CALL], send, rate=0.01, concurrency=4, stop=stop, tally=tally)
    assert (summary.sent, tally.total) == (1, 1)
    assert time.monotonic() - start < 5
