"""How fast one worker clears a backlog: consume, score, produce and commit, on this machine.

Starts a broker and an MLflow server on free ports, trains the employee models into an empty registry, puts one-row
requests on the input topic, then starts one `streamapp worker` and waits until it has committed all of them. The rate
is that of the predictions after the first batch's, over the time from that batch to the last, by the timestamps that
the worker gave them: start-up is not in it. On Apache Kafka both guarantees are measured in turns, and compared.

    make bench                                          one worker on the embedded broker
    make bench ARGS="--broker kafka --rounds 3"         exactly_once beside at_least_once
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition
from apache_kafka import ApacheKafka
from rich.console import Console

from producer.employees import feature_rows
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings, load_settings
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, Program, free_port

console = Console(stderr=True)
#: What each broker can give.
GUARANTEES = {"embedded": ["at_least_once"], "kafka": ["at_least_once", "exactly_once"]}


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the whole measurement; returns the figures."""
    async with Processes(folder / "logs") as processes:
        broker = await start_broker(options.broker, processes, folder)
        registry_port = free_port()
        registry = options.registry or f"http://127.0.0.1:{registry_port}"
        if options.registry is None:
            console.print("Training the models ...")
            await processes.run(services.mlflow(registry_port, folder / "mlflow"))
            settings = load_settings(broker=broker, mlflow_tracking_uri=registry)
            await finish(processes, streamapp(settings, "train", "employees", "--rows", "6000"), patience=300)
        rates: dict[str, list[int]] = {guarantee: [] for guarantee in GUARANTEES[options.broker]}
        for number in range(options.rounds):
            for guarantee, measured in rates.items():
                settings = own_topics(broker, registry, guarantee, number)
                measured.append(await clear(settings, options, processes))
                console.print(f"{guarantee}: {measured[-1]:,} records/s")
    return summary(options, rates)


async def start_broker(kind: str, processes: Processes, folder: Path) -> str:
    """Start a broker; return its address."""
    if kind == "kafka":
        kafka_broker = ApacheKafka(processes, folder / "kafka")
        await kafka_broker.start()
        return kafka_broker.address
    port = free_port()
    await processes.run(services.broker(port))
    return f"127.0.0.1:{port}"


def own_topics(broker: str, registry: str, guarantee: str, number: int) -> Settings:
    """Return settings with topics and a group of their own."""
    name = f"{guarantee}-{number}"
    return load_settings(
        broker=broker,
        mlflow_tracking_uri=registry,
        processing_guarantee=guarantee,
        group=name,
        input_topic=f"requests-{name}",
        predictions_topic=f"predictions-{name}",
        dead_letters_topic=f"dead-letters-{name}",
    )


async def clear(settings: Settings, options: argparse.Namespace, processes: Processes) -> int:
    """Have one worker clear a backlog; return its records a second."""
    await kafka.ensure_topics(settings, topics(settings), "bench")
    console.print(f"Putting {options.records:,} requests for {options.model} on {settings.input_topic} ...")
    await fill(settings, options.records, options.model)
    console.print("Starting one worker ...")
    worker = processes.start(streamapp(settings, "worker"))
    seconds, count = await drain(settings, options.records, worker)
    await processes.stop(worker)
    return round(count / seconds)


def summary(options: argparse.Namespace, rates: dict[str, list[int]]) -> dict[str, Any]:
    """Return the figures: the median of each guarantee's rounds, and how they compare."""
    median = {guarantee: round(statistics.median(measured)) for guarantee, measured in rates.items()}
    figures = {"model": options.model, "records": options.records, "broker": options.broker, "rounds": rates}
    if len(median) > 1:
        figures["exactly_once_to_at_least_once"] = round(median["exactly_once"] / median["at_least_once"], 2)
    return {**figures, "records_per_second": median}


async def fill(settings: Settings, records: int, model: str) -> None:
    """Put one-row requests on all partitions of the input topic."""
    rows = islice(feature_rows(seed=7), 2000)
    values = [codec.encode_request(msgspec.json.encode([row]), None, model) for row in rows]
    source = random.Random(7)  # noqa: S311  # a benchmark, not a secret
    producer = kafka.producer(settings, "bench", linger_ms=5, max_batch_size=512 * 1024)
    async with producer:
        for start in range(0, records, 20_000):
            sent = [
                await producer.send(
                    settings.input_topic,
                    source.choice(values),
                    partition=i % settings.partitions,
                    headers=codec.request_headers(f"{i:08d}-0000-4000-8000-000000000000", "/bench"),
                )
                for i in range(start, min(start + 20_000, records))
            ]
            await asyncio.gather(*sent)


async def drain(settings: Settings, records: int, worker: Child) -> tuple[float, int]:
    """Wait until the worker has committed all, then read the predictions.

    They are read afterwards: reading them meanwhile would take from the worker what is measured.

    Returns:
        Seconds from the first batch of predictions to the last, and the number of predictions after the first batch.

    Raises:
        SystemExit: The worker ended; with the end of its log.
        TimeoutError: It is not done within five minutes.
    """
    async with asyncio.timeout(300):
        while await committed(settings) < records:
            if worker.process.poll() is not None:
                raise SystemExit(worker.log_tail())
            await asyncio.sleep(0.2)
        times: Counter[int] = Counter()
        async with kafka.consumer(settings, "bench") as consumer:
            consumer.assign([TopicPartition(settings.predictions_topic, i) for i in range(settings.partitions)])
            while times.total() < records:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    times.update(record.timestamp for record in batch)
    first, last = min(times), max(times)
    return (last - first) / 1000, times.total() - times[first]


async def committed(settings: Settings) -> int:
    """Return how many records of the input topic the workers' group has committed."""
    async with kafka.consumer(settings, "bench", group_id=settings.group) as consumer:
        partitions = [TopicPartition(settings.input_topic, i) for i in range(settings.partitions)]
        consumer.assign(partitions)
        return sum([await consumer.committed(partition) or 0 for partition in partitions])


def streamapp(settings: Settings, *args: str) -> Program:
    """Return one of our own commands, pointed at the services of the benchmark."""
    env = {
        "STREAMAPP_BROKER": settings.broker,
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "STREAMAPP_PROCESSING_GUARANTEE": settings.processing_guarantee,
        "STREAMAPP_GROUP": settings.group,
        "STREAMAPP_INPUT_TOPIC": settings.input_topic,
        "STREAMAPP_PREDICTIONS_TOPIC": settings.predictions_topic,
        "STREAMAPP_DEAD_LETTERS_TOPIC": settings.dead_letters_topic,
        "STREAMAPP_REBALANCE_TIMEOUT": "4",
    }
    return Program(args[0], (sys.executable, "-m", "streamapp", *args), env=env)


async def finish(processes: Processes, program: Program, patience: float) -> None:
    """Run a program to its end.

    Raises:
        SystemExit: It failed; with the end of its log.
    """
    child = processes.start(program)
    if await child.wait(patience) != 0:
        raise SystemExit(child.log_tail())
    await processes.stop(child)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000, help="one-row requests (default: %(default)s)")
    parser.add_argument("--model", default="lightgbm", help="alias of the model (default: %(default)s)")
    parser.add_argument("--broker", choices=GUARANTEES, default="embedded", help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="times that each is measured (default: %(default)s)")
    parser.add_argument("--registry", help="URL of an MLflow server that has the models; default: train some")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streamapp-bench-") as folder:
        figures = asyncio.run(measure(options, Path(folder)))
    if options.json:
        print(json.dumps(figures))  # noqa: T201  # what was asked for
    else:
        console.print(f"{figures['records']:,} one-row records with {figures['model']}, one worker, records/s:")
        console.print(figures["records_per_second"])
        if ratio := figures.get("exactly_once_to_at_least_once"):
            console.print(f"exactly_once / at_least_once: [bold]{ratio}")


if __name__ == "__main__":
    main()
