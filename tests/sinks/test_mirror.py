"""The mirror in Redis: what it writes, and what it does when Redis is emptied, ends, stops, fills up."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError
from sinks_support import (
    RedisBackend,
    following,
    ids,
    origin,
    predict,
    prediction,
    send,
    valkey,
    working,
)
from waiting import eventually

from streamapp.clients.redis import connect
from streamapp.contracts.errors import RedisUnavailable
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes
from streamapp.sinks.mirror import PredictionsMirror, RequestsMirror
from streamapp.sinks.ports import Newest, Position

REQUEST = b'{"payload":{"data":[{"Designation":1.5}],"columns":null},"model":"svm"}'


@pytest.fixture
def backend(settings: Settings) -> RedisBackend:
    return RedisBackend(settings)


async def test_a_prediction_is_in_the_stream_and_under_its_id(settings: Settings) -> None:
    value = prediction("r1", probabilities=[[0.1, 0.9]])
    await send(settings, settings.predictions_topic, [(2, value, origin(2, 7, 99))])
    async with following(settings, PredictionsMirror(settings)), connect(settings) as redis:
        await eventually(lambda: redis.xlen(settings.redis_predictions_stream), expected=1)
        ((_, fields),) = await redis.xrange(settings.redis_predictions_stream)
        assert fields == {b"id": b"r1", b"model": b"svm", b"predictions": b"[1]", b"data": value}
        key = settings.prediction_key("r1")
        assert await redis.get(key) == value
        assert 0 < await redis.ttl(key) <= settings.prediction_ttl
        assert await redis.get(f"{settings.redis_prefix}offset:{settings.predictions_topic}:2") == b"1"


async def test_what_a_former_version_stored_is_gone_on_from(settings: Settings, backend: RedisBackend) -> None:
    await predict(settings, range(10))
    async with connect(settings) as redis:
        for kind, value in {"offset": b"5", "input": b"4 1004"}.items():
            await redis.set(f"{settings.redis_prefix}{kind}:{settings.predictions_topic}:0", value)
        await redis.set(f"{settings.redis_prefix}offset:{settings.predictions_topic}:1", b"0")
        await redis.set(f"{settings.redis_prefix}input:{settings.predictions_topic}:1", b"-1 -1")
    mirror = backend.sink()
    found = await mirror.positions([0, 1])
    await mirror.close()
    assert found == {0: Position(5, {settings.input_topic: Newest(4, 1004)}), 1: Position()}
    await predict(settings, [3, 4, 10])
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(5, 11)))


async def test_only_the_shared_input_topic_is_mirrored_for_the_older_programs(settings: Settings) -> None:
    await send(settings, settings.topic_of("marketplace"), [(0, REQUEST, [])])
    await send(settings, settings.input_topic, [(0, REQUEST, [])])
    async with working(settings), connect(settings) as redis:
        await predict(settings, [0])
        await eventually(lambda: redis.xlen(settings.redis_predictions_stream), expected=1)
        await eventually(lambda: redis.xlen(settings.redis_requests_stream), expected=1)


async def test_a_program_of_the_older_system_reads_its_group(settings: Settings) -> None:
    bare = b'{"model":"knn","payload":{"data":[[1,2]]}}'
    named = b'{"payload":{"data":[[1,2]],"columns":["a","b"]},"model":"lightgbm"}'
    bad = [
        (0, value, []) for value in (b"no", None, b"[]", b"{}", b'{"payload":{"data":[{"a":"\xff"}]},"model":"x"}')
    ]
    await send(settings, settings.input_topic, [(0, REQUEST, []), *bad, (0, bare, []), (0, named, [])])
    stream = settings.redis_requests_stream
    async with working(settings), connect(settings) as redis:
        await eventually(lambda: redis.xlen(stream), expected=3)
        ((_, messages),) = await redis.xreadgroup("workers", "worker-1", {stream: ">"}, count=10)
        assert all(list(fields) == [b"data"] for _, fields in messages)
        assert messages[0][1][b"data"] == REQUEST
        read = [json.loads(fields[b"data"]) for _, fields in messages]
        assert [(item["model"], item["payload"]["columns"]) for item in read] == [
            ("svm", None),
            ("knn", None),
            ("lightgbm", ["a", "b"]),
        ]
        assert read[1]["payload"]["data"] == [[1, 2]]


async def test_messages_and_a_group_of_the_older_system_are_left_alone(settings: Settings) -> None:
    stream = settings.redis_requests_stream
    async with connect(settings) as redis:
        await redis.xadd(stream, {"data": b"{}"})
        await redis.xgroup_create(stream, "workers", id="$")
        await send(settings, settings.input_topic, [(0, REQUEST, [])])
        async with working(settings):
            await eventually(lambda: redis.xlen(stream), expected=2)
        ((_, messages),) = await redis.xreadgroup("workers", "worker-1", {stream: ">"}, count=10)
        assert [fields[b"data"] for _, fields in messages] == [REQUEST]


async def test_a_key_of_another_type_is_told_and_nothing_is_stepped_over(settings: Settings) -> None:
    async with connect(settings) as redis:
        await redis.set(settings.redis_requests_stream, "mine")
        await redis.set(settings.redis_predictions_stream, "mine")
        for mirror in (RequestsMirror(settings), PredictionsMirror(settings)):
            with pytest.raises(RedisUnavailable, match=r"STREAMAPP_REDIS_URL.*WRONGTYPE"):
                await mirror.positions([0])
            await mirror.close()
        assert await redis.get(settings.redis_requests_stream) == b"mine"


async def test_an_emptied_redis_is_filled_again(settings: Settings, own_processes: Processes, tmp_path: Path) -> None:
    _, url = await valkey(own_processes, tmp_path)
    settings = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    await predict(settings, range(100))
    await send(settings, settings.input_topic, [(0, REQUEST, [])] * 5)
    backend = RedisBackend(settings)
    async with working(settings), connect(settings) as redis:
        await eventually(backend.ids, expected=ids(range(100)))
        await redis.flushall()
        await eventually(backend.ids, expected=ids(range(100)))
        await eventually(lambda: redis.xlen(settings.redis_requests_stream), expected=5)
        await redis.flushall()
        await predict(settings, range(100, 120))
        await eventually(backend.ids, expected=ids(range(120)))
        assert [group["name"] for group in await redis.xinfo_groups(settings.redis_requests_stream)] == [b"workers"]


async def test_a_redis_that_was_killed_and_came_back_empty_is_filled_again(
    settings: Settings, own_processes: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child, url = await valkey(own_processes, tmp_path)
    port = int(url.split(":")[-1].split("/")[0])
    settings = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    backend = RedisBackend(settings)
    await predict(settings, range(50))
    async with following(settings, backend.sink()):
        await eventually(backend.ids, expected=ids(range(50)))
        await own_processes.stop(child, number=signal.SIGKILL)
        await predict(settings, range(50, 60))
        await eventually(lambda: "STREAMAPP_REDIS_URL" in caplog.text, "the name of STREAMAPP_REDIS_URL")
        await valkey(own_processes, tmp_path, port)
        await eventually(backend.ids, expected=ids(range(60)))


async def test_a_redis_that_stopped_for_a_while_misses_and_repeats_nothing(
    settings: Settings, own_processes: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child, url = await valkey(own_processes, tmp_path)
    settings = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    backend = RedisBackend(settings)
    async with following(settings, backend.sink()):
        await predict(settings, range(50))
        await eventually(backend.ids, expected=ids(range(50)))
        os.kill(child.pid, signal.SIGSTOP)
        await predict(settings, range(50, 100))
        await eventually(lambda: "STREAMAPP_REDIS_URL" in caplog.text, "the name of STREAMAPP_REDIS_URL")
        os.kill(child.pid, signal.SIGCONT)
        await predict(settings, range(100, 120))
        await eventually(backend.ids, expected=ids(range(120)))


async def test_a_full_redis_is_waited_for(
    settings: Settings, own_processes: Processes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _, url = await valkey(own_processes, tmp_path)
    settings = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    backend = RedisBackend(settings)
    async with following(settings, backend.sink()), connect(settings) as redis:
        await predict(settings, range(10))
        await eventually(backend.ids, expected=ids(range(10)))
        await redis.config_set("maxmemory", 1)
        with pytest.raises(OutOfMemoryError):
            await redis.set("any", "thing")
        await predict(settings, range(10, 20))
        await eventually(lambda: "maxmemory" in caplog.text, "a log line")
        assert await backend.ids() == ids(range(10))
        await redis.config_set("maxmemory", 0)
        await eventually(backend.ids, expected=ids(range(20)))


async def test_a_redis_restored_from_older_data_is_brought_up_to_date(
    settings: Settings, own_processes: Processes, tmp_path: Path
) -> None:
    child, url = await valkey(own_processes, tmp_path)
    port = int(url.split(":")[-1].split("/")[0])
    settings = settings.model_copy(update={"redis_url": type(settings.redis_url)(url)})
    backend = RedisBackend(settings)
    async with following(settings, backend.sink()), connect(settings) as redis:
        await predict(settings, range(30))
        await eventually(backend.ids, expected=ids(range(30)))
        await redis.save()
        await predict(settings, range(30, 60))
        await eventually(backend.ids, expected=ids(range(60)))
        await own_processes.stop(child, number=signal.SIGKILL)
        await valkey(own_processes, tmp_path, port)
        await eventually(backend.ids, expected=ids(range(60)))


async def test_two_workers_at_once_mirror_each_prediction_once(settings: Settings, backend: RedisBackend) -> None:
    async with following(settings, backend.sink()), following(settings, backend.sink()):
        for start in range(0, 500, 50):
            await predict(settings, range(start, start + 50))
        await eventually(backend.ids, expected=ids(range(500)))
    assert set(Counter(await backend.ids()).values()) == {1}


async def test_a_second_worker_takes_over_where_the_first_one_ends(settings: Settings, backend: RedisBackend) -> None:
    async with following(settings, backend.sink()):
        async with following(settings, backend.sink()):
            await predict(settings, range(20))
            await eventually(backend.ids, expected=ids(range(20)))
        await predict(settings, range(20, 40))
        await eventually(backend.ids, expected=ids(range(40)))


async def test_needs_no_scripts(settings: Settings, backend: RedisBackend) -> None:
    async with connect(settings) as redis:
        await redis.acl_setuser(
            "lean", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@all", "-@scripting"]
        )
        host = settings.redis_url.get_secret_value().removeprefix("redis://")
        lean = settings.model_copy(update={"redis_url": type(settings.redis_url)(f"redis://lean:pw@{host}")})
        await predict(lean, range(5))
        async with following(lean, RedisBackend(lean).sink()):
            await eventually(backend.ids, expected=ids(range(5)))
        await redis.acl_deluser("lean")
