"""A sinks worker that is told to end ends, also where Redis and the broker hang."""

import signal
from pathlib import Path

from draining import longest, seconds_to_end
from pydantic import SecretStr
from sinks_support import csv_ids, ids, predict, sinks_program, valkey
from waiting import eventually

from streamapp.contracts.settings import Settings
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, free_port


async def test_sinks_whose_redis_and_broker_hang_end_within_their_time(
    settings: Settings, own_processes: Processes, tmp_path: Path
) -> None:
    port = free_port()
    broker = await own_processes.run(services.broker(port))
    redis, url = await valkey(own_processes, tmp_path)
    settings = settings.model_copy(
        update={"broker": f"127.0.0.1:{port}", "redis_url": SecretStr(url), "shutdown_timeout": 2.0}
    )
    await predict(settings, range(10))
    sinks = await own_processes.run(sinks_program(settings))
    await eventually(lambda: csv_ids(settings), expected=ids(range(10)))
    for one in (redis, broker):
        one.process.send_signal(signal.SIGSTOP)
    assert await seconds_to_end(sinks) < longest("sinks", 2.0)
