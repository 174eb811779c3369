"""The sinks worker as a process: it ends in good order, survives what is away, and a SIGKILL costs nothing."""

import asyncio
import itertools
import random
import resource
import signal
from pathlib import Path

import pytest
from sinks_support import (
    RedisBackend,
    by_partition,
    csv_ids,
    ids,
    predict,
    sinks_program,
    valkey,
    working,
)
from waiting import eventually

from streamapp.contracts.errors import SettingsError
from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port
from streamapp.sinks.worker import run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_0(settings: Settings, own_processes: Processes, number: int) -> None:
    await predict(settings, range(10))
    child = await own_processes.run(sinks_program(settings))
    await eventually(lambda: csv_ids(settings), expected=ids(range(10)))
    assert await own_processes.stop(child, number=number) == 0
    assert "Traceback" not in child.log_tail()


async def test_a_file_that_is_not_ours_ends_it_with_2(settings: Settings, own_processes: Processes) -> None:
    settings.csv_path.write_text("mine\n")
    child = own_processes.start(sinks_program(settings))
    assert await child.wait(30) == 2
    assert "STREAMAPP_CSV_PATH" in child.log_tail()
    assert settings.csv_path.read_text() == "mine\n"


async def test_a_fatal_error_of_one_feed_ends_the_others(settings: Settings) -> None:
    settings.csv_path.write_text("mine\n")
    async with asyncio.timeout(30):
        with pytest.raises(SettingsError):
            await run(settings, asyncio.Event())


async def test_kills_while_records_flow_cost_and_repeat_nothing(settings: Settings, own_processes: Processes) -> None:
    chance = random.Random(7)  # noqa: S311  # moments of the kills
    sent = itertools.count()
    enough = asyncio.Event()

    async def flow() -> None:
        while not enough.is_set():
            start = next(sent) * 100
            for partition in range(settings.partitions):
                await predict(settings, range(start, start + 100), partition=partition)

    flowing = asyncio.create_task(flow())
    for kept in range(1, 6):
        child = await own_processes.run(sinks_program(settings, f"sinks-{kept}"))
        before = len(csv_ids(settings))
        await eventually(lambda before=before: len(csv_ids(settings)) > before, "more rows")
        await asyncio.sleep(chance.random() / 5)
        await own_processes.stop(child, number=signal.SIGKILL)
    enough.set()
    await flowing
    await own_processes.run(sinks_program(settings, "sinks-last"))
    total = next(sent) * 100
    everything = {partition: ids(range(total), partition=partition) for partition in range(settings.partitions)}
    await eventually(lambda: by_partition(csv_ids(settings)), expected=everything)
    await eventually(lambda: by_partition_of(RedisBackend(settings)), expected=everything)


async def test_a_dead_redis_does_not_hold_up_the_csv(
    settings: Settings, own_processes: Processes, tmp_path: Path
) -> None:
    port = free_port()
    url = type(settings.redis_url)(f"redis://127.0.0.1:{port}/0")
    settings = settings.model_copy(update={"redis_url": url})
    await predict(settings, range(20))
    async with working(settings):
        await eventually(lambda: csv_ids(settings), expected=ids(range(20)))
        await valkey(own_processes, tmp_path, port)
        await eventually(RedisBackend(settings).ids, expected=ids(range(20)))


async def test_a_broker_that_comes_late_is_waited_for(
    settings: Settings, own_processes: Processes, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    settings = settings.model_copy(update={"broker": f"127.0.0.1:{port}"})
    async with working(settings):
        await eventually(lambda: "STREAMAPP_BROKER" in caplog.text, "the name of STREAMAPP_BROKER")
        await own_processes.run(services.broker(port))
        await predict(settings, range(20))
        await eventually(lambda: csv_ids(settings), expected=ids(range(20)))


async def test_a_stop_while_everything_is_away_is_prompt(settings: Settings) -> None:
    away = {"broker": f"127.0.0.1:{free_port()}", "shutdown_timeout": 0.5}
    async with asyncio.timeout(10), working(settings.model_copy(update=away)):
        pass


async def test_a_full_disk_is_waited_for(settings: Settings, own_processes: Processes) -> None:
    # A bound on the size of files stands in for a full disk: the write that crosses it is cut short, then refused.
    # It holds for the program's log too, so the CSV has to be the larger one.
    child = await own_processes.run(sinks_program(settings))
    await predict(settings, range(500))
    await eventually(lambda: csv_ids(settings), expected=ids(range(500)))
    size = settings.csv_path.stat().st_size
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
    await predict(settings, range(500, 510))
    await eventually(lambda: "STREAMAPP_CSV_PATH" in child.log_tail(), "the name of STREAMAPP_CSV_PATH")
    assert settings.csv_path.stat().st_size == size
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await eventually(lambda: csv_ids(settings), expected=ids(range(510)))


async def by_partition_of(backend: RedisBackend) -> dict[int, list[str]]:
    return by_partition(await backend.ids())
