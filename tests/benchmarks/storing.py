"""What a record costs behind the worker: its bytes on the topics, and one sinks process with Redis and the CSV.

Starts Apache Kafka, MLflow with a trained LightGBM model, and Valkey. A worker predicts a backlog, exactly once; then
the sinks, which have waited, bring all of it into Redis and the CSV, on a processor of their own.

    PYTHONPATH=tests .venv/bin/python -m benchmarks.storing            a table for docs/scaling.md
    PYTHONPATH=tests .venv/bin/python -m benchmarks.storing --write    which is written there
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiokafka import TopicPartition
from chaos import surroundings
from redis.asyncio import Redis
from unique import environment, unique_settings

from benchmarks import brokers, page, report
from benchmarks.pinning import cpu_seconds, pin
from benchmarks.registries import registry
from benchmarks.sampling import Sampler
from benchmarks.traffic import ALIAS, Request, Workload, fill, single
from streamapp.clients import kafka
from streamapp.clients.redis import connect
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, Program, free_port

_PAGE: Final = Path("docs/scaling.md")
#: What stands between these lines of the page is written by a run.
MARKS: Final = ("<!-- stored -->", "<!-- /stored -->")
_SINKS, _OTHERS = 0, 1
_POLL: Final = 0.1
_PATIENCE: Final = 600.0


async def measure(records: int, folder: Path, kept: Path) -> dict[str, float]:
    """Return the figures by their names in the table."""
    async with Processes(folder / "logs") as processes:
        broker = await brokers.start("kafka", processes, folder)
        redis_port = free_port()
        valkey = await processes.run(services.valkey(redis_port, folder))
        settings = unique_settings(broker, f"redis://127.0.0.1:{redis_port}/0", folder).model_copy(
            update={
                "mlflow_tracking_uri": await registry(processes, kept / "mlflow", "employees"),
                "models": {ALIAS: "LightGBM_Classifier"},
                "default_model": ALIAS,
                "model_topics": {},
                "worker_web_port": free_port(),
            }
        )
        await kafka.ensure_topics(settings, topics(settings), "bench")
        requests = [Request(ALIAS, data) for data in single(ALIAS)]
        await fill(broker, settings.input_topic, Workload(records=records), requests)
        await _predict(processes, settings, records)
        logs = folder / "kafka" / "data"
        sizes = {name: _size(logs, name) for name in (settings.input_topic, settings.predictions_topic)}
        for child in processes.children:
            pin(child.pid, {_OTHERS})
        async with connect(settings) as redis:
            stored = await _store(processes, settings, records, redis, valkey)
        return {
            "bytes of a request on its topic": sizes[settings.input_topic] / records,
            "bytes of a prediction on its topic": sizes[settings.predictions_topic] / records,
            **stored,
            "bytes of a row of the CSV": settings.csv_path.stat().st_size / records,
        }


async def _predict(processes: Processes, settings: Settings, records: int) -> None:
    """Have a worker predict all, and end it."""
    program = Program("worker", (sys.executable, "-m", "streamapp", "worker"), env=environment(settings))
    worker = processes.start(program)
    parts = [TopicPartition(settings.input_topic, number) for number in range(settings.partitions)]
    async with kafka.consumer(settings, "bench", group_id=settings.group) as group, asyncio.timeout(_PATIENCE):
        group.assign(parts)
        while sum([await group.committed(part) or 0 for part in parts]) < records:
            await asyncio.sleep(_POLL)
    await processes.stop(worker)


async def _store(
    processes: Processes, settings: Settings, records: int, redis: Redis, valkey: Child
) -> dict[str, float]:
    """Run the sinks from their start until all is in Redis and in the CSV."""
    memory, redis_cpu = await _memory(redis), cpu_seconds(valkey.pid)
    program = Program("sinks", (sys.executable, "-m", "streamapp", "sinks"), env=environment(settings))
    sinks = processes.start(program)
    pin(sinks.pid, {_SINKS})
    async with Sampler(sinks.pid) as used, asyncio.timeout(_PATIENCE):
        first, begun = await _reached(redis, settings, lambda stored: stored > 0)
        await _reached(redis, settings, lambda stored: stored >= records)
        ended = time.time()
        await asyncio.sleep(2 * _POLL)
        cpu, mib = used.cpu_between(begun, ended), used.most_mib
    await processes.stop(sinks)
    done, redis_cpu, stored = records - first, cpu_seconds(valkey.pid) - redis_cpu, await _memory(redis) - memory
    await redis.delete(settings.redis_requests_stream, settings.redis_predictions_stream)
    return {
        "records/s of one sinks process": done / (ended - begun),
        "CPU s/million of the sinks": 1e6 * cpu / done,
        "MiB of the sinks": mib,
        "CPU s/million of Redis": 1e6 * redis_cpu / records,
        "bytes of a record in Redis, request and prediction": stored / records,
        "of them, of the prediction by its id": (await _memory(redis) - memory) / records,
    }


async def _reached(redis: Redis, settings: Settings, enough: Callable[[int], bool]) -> tuple[int, float]:
    """Wait until enough is in each of the three places; returns how much is in the emptiest, and the time."""
    while True:
        streams = (settings.redis_requests_stream, settings.redis_predictions_stream)
        stored = min([int(await redis.xlen(name)) for name in streams] + [_rows(settings.csv_path)])
        if enough(stored):
            return stored, time.time()
        await asyncio.sleep(_POLL)


def _rows(path: Path) -> int:
    """Return the rows of the CSV; none has a line end in it."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return max(0, sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1)


async def _memory(redis: Redis) -> float:
    """Return the bytes that Redis uses; what was deleted is freed by a thread of its own."""
    while (memory := await redis.info("memory"))["lazyfree_pending_objects"]:
        await asyncio.sleep(_POLL)
    return float(memory["used_memory"])


def _size(folder: Path, topic: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(f"{topic}-*/*.log"))


def table(found: dict[str, float], records: int) -> str:
    """Return the figures as Markdown."""
    rows = [(what, page.number(value)) for what, value in found.items()]
    about = f"One row of 13 columns a record, {records:,} records, LightGBM, exactly_once; {report.machine()}."
    return f"{about}\n\n{page.table(('', 'measured'), rows)}"


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000, help="(default: %(default)s)")
    parser.add_argument("--kept", type=Path, default=Path("var/bench"), help="models of runs before (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"into {_PAGE}")
    options = parser.parse_args()
    surroundings.forget()
    # A broker that was made a moment ago has no coordinator yet; each request that is repeated for that is an error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="streamapp-bench-") as folder:
        found = asyncio.run(measure(options.records, Path(folder), options.kept))
    text = table(found, options.records)
    if options.write:
        _PAGE.write_text(page.replaced(_PAGE.read_text(), text, *MARKS))
    print(text)  # noqa: T201  # what was asked for


if __name__ == "__main__":
    main()
