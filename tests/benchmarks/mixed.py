"""A slow model beside a fast one: what requests for the one do to the latency of the other, on this machine.

Starts a broker, an MLflow server, an edge and one worker, all on free ports, and trains the models. Then LightGBM
records go straight to the input topic at a steady rate, first alone, then while an AutoGluon model is asked for
single predictions through `POST /predict` by as many callers as are told. Latency is from a record's sending to its
prediction in the hands of a consumer of committed records.

    make mixed                                 2,000 requests, 100 at a time, beside 200 records/s
    make mixed ARGS="--shared"                 the same with all models on one topic
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Self

import aiohttp
import httpx
import msgspec
import numpy as np
from aiokafka import TopicPartition
from rich.console import Console

from benchmarks import brokers
from benchmarks.registries import finish
from producer.employees import feature_rows
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.settings import Settings, load_settings, variable
from streamapp.contracts.topics import topics
from streamapp.embedded import services
from streamapp.embedded.processes import Processes, Program, free_port

console = Console(stderr=True)
SLOW, FAST = "marketplace", "lightgbm"
#: A request of the marketplace handbook.
ITEM = {
    "state": "SP", "city": "Sao Paulo", "local_pickup": True, "free_shipping": False, "shipping_mode": "standard",
    "listing_type": "gold_special", "buying_mode": "buy_it_now", "status": "active", "accepts_mercadopago": True,
    "currency": "BRL", "automatic_relist": False, "stock_quantity": 10, "available_quantity": 5,
    "total_amount": 100.0, "date_difference_hr": 24.0, "time_difference_hr": 12.0,
}  # fmt: skip
#: Seconds that the fast model is measured alone.
ALONE = 10.0


class Stream:
    """LightGBM records at a steady rate, and how long each takes to its prediction.

    Args:
        settings: The settings in force.
        options: Which broker, and how many records a second.
    """

    def __init__(self, settings: Settings, options: argparse.Namespace) -> None:
        self._settings = settings
        self._rate = options.rate
        self._embedded = options.broker == "embedded"
        self._sent: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._on = True

    async def __aenter__(self) -> Self:
        self._reading = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read())]
        await self._reading.wait()
        self._tasks.append(asyncio.create_task(self._send()))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._on = False
        await self._tasks[1]
        async with asyncio.timeout(60):
            while self._sent.keys() - self._took.keys():
                await asyncio.sleep(0.1)
        self._tasks[0].cancel()
        await asyncio.wait(self._tasks)

    def percentiles(self) -> dict[str, float]:
        """Return the latency's percentiles in milliseconds."""
        took = list(self._took.values())
        p50, p99 = np.percentile(took, [50, 99])
        return {"records": len(took), "p50_ms": round(1000 * p50, 1), "p99_ms": round(1000 * p99, 1)}

    async def _send(self) -> None:
        values = [
            codec.encode_request(msgspec.json.encode([row]), None, FAST) for row in islice(feature_rows(seed=7), 500)
        ]
        started, number = time.monotonic(), 0
        async with kafka.producer(self._settings, "bench") as producer:
            while self._on:
                await asyncio.sleep(max(0.0, started + number / self._rate - time.monotonic()))
                name = f"fast-{number}"
                self._sent[name] = time.monotonic()
                headers = codec.request_headers(name, "/bench")
                partition = number % self._settings.partitions
                topic, value = self._settings.input_topic, values[number % len(values)]
                await producer.send(topic, value, partition=partition, headers=headers)
                number += 1

    async def _read(self) -> None:
        partitions = [TopicPartition(self._settings.predictions_topic, i) for i in range(self._settings.partitions)]
        # The embedded broker lets a fetch wait though records arrive; Kafka need not be asked so often.
        wait = 5 if self._embedded else 500
        async with kafka.consumer(self._settings, "bench", fetch_max_wait_ms=wait) as consumer:
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            self._reading.set()
            while True:
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    now = time.monotonic()
                    for record in records:
                        name = dict(record.headers)["ce_id"].decode()
                        if name in self._sent:
                            self._took[name] = now - self._sent[name]


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the whole measurement; returns the figures."""
    async with Processes(folder / "logs") as processes:
        settings = await prepared(options, processes, folder)
        url = f"http://127.0.0.1:{settings.api_port}"
        for part in ("worker", "api"):
            processes.start(command(settings, part))
        console.print("Waiting until both models are served ...")
        await served(url)
        async with Stream(settings, options):  # until the worker has joined, and the broker's code is compiled
            await asyncio.sleep(ALONE)
        figures: dict[str, Any] = {
            "broker": options.broker,
            "guarantee": options.guarantee,
            "topics": "shared" if options.shared else "own",
        }
        console.print(f"{FAST} alone, {options.rate:g} records/s for {ALONE:g} s ...")
        async with Stream(settings, options) as stream:
            await asyncio.sleep(ALONE)
        figures["alone"] = stream.percentiles()
        console.print(f"... and with {options.requests:,} requests for {SLOW}, {options.in_flight} at a time ...")
        async with Stream(settings, options) as stream:
            figures["requests"] = await asked(url, options)
        figures["beside"] = stream.percentiles()
        figures["call"] = await calls(url)
        figures["p99_to_call"] = round(figures["beside"]["p99_ms"] / figures["call"]["p50_ms"], 2)
        return figures


async def prepared(options: argparse.Namespace, processes: Processes, folder: Path) -> Settings:
    """Start the services and train the models; return the settings of the parts."""
    port = free_port()
    settings = load_settings(
        broker=await brokers.start(options.broker, processes, folder),
        mlflow_tracking_uri=options.registry or f"http://127.0.0.1:{port}",
        api_port=free_port(),
        rebalance_timeout=5.0,
        predict_deadline=60.0,
        processing_guarantee=options.guarantee,
        **({"model_topics": {}} if options.shared else {}),
    )
    if options.registry is None:
        console.print("Training the models ...")
        await processes.run(services.mlflow(port, folder / "mlflow"))
        for name in ("employees", SLOW):
            await finish(processes, command(settings, "train", name), patience=600)
    await kafka.ensure_topics(settings, topics(settings), "bench")
    return settings


def command(settings: Settings, *args: str) -> Program:
    """Return one of our own commands with the settings of the benchmark."""
    names = (
        "broker",
        "mlflow_tracking_uri",
        "api_port",
        "rebalance_timeout",
        "predict_deadline",
        "processing_guarantee",
        "model_topics",
    )
    values = {name: getattr(settings, name) for name in names}
    env = {variable(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return Program("-".join(args), (sys.executable, "-m", "streamapp", *args), env=env)


async def served(url: str) -> None:
    """Wait until the edge knows both models."""
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(120):
        while True:
            try:
                listed = (await client.get(f"{url}/models")).json()["models"]
            except httpx.TransportError:
                listed = []
            if {model["alias"] for model in listed} >= {SLOW, FAST}:
                return
            await asyncio.sleep(0.5)


async def asked(url: str, options: argparse.Namespace) -> dict[str, Any]:
    """Have another process ask, so that its work holds up no clock here."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.mixed", "--ask", url, "--requests", str(options.requests), "--in-flight",
        str(options.in_flight), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await client.communicate()
    answers: dict[str, Any] = json.loads(out)
    return answers


async def ask(url: str, requests: int, in_flight: int) -> dict[str, Any]:
    """Ask for single predictions, so many at a time; returns how many answers had which status, and their times."""
    statuses: Counter[str] = Counter()
    took: list[float] = []
    numbers = iter(range(requests))

    async def caller() -> None:
        for _ in numbers:
            started = time.monotonic()
            async with client.post(f"{url}/predict", json=ITEM) as response:
                body = await response.json(content_type=None)
            took.append(time.monotonic() - started)
            right = response.status != HTTPStatus.OK or body["prediction"] in {"new", "used"}
            statuses[str(response.status) if right else "wrong"] += 1

    started = time.monotonic()
    # Not httpx: it takes several times the processor, which the worker needs.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as client:
        await asyncio.gather(*(caller() for _ in range(in_flight)))
    p50, p99 = np.percentile(took, [50, 99])
    return {
        "statuses": dict(statuses),
        "seconds": round(time.monotonic() - started, 1),
        "p50_ms": round(1000 * p50, 1),
        "p99_ms": round(1000 * p99, 1),
    }


async def calls(url: str) -> dict[str, Any]:
    """Return what the worker says of the slow model's calls, once it has said it after the last."""
    async with httpx.AsyncClient(trust_env=False) as client:
        await asyncio.sleep(7)
        (model,) = [one for one in (await client.get(f"{url}/models")).json()["models"] if one["alias"] == SLOW]
    return {name: model[name] for name in ("rows", "calls", "p50_ms", "p99_ms")}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000, help="for the slow model (default: %(default)s)")
    parser.add_argument("--in-flight", type=int, default=100, help="of them at a time (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200.0, help="fast records a second (default: %(default)s)")
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="kafka", help="(default: %(default)s)")
    parser.add_argument("--guarantee", default="auto", help="(default: %(default)s)")
    parser.add_argument("--registry", help="URL of an MLflow server that has the models; default: train some")
    parser.add_argument("--shared", action="store_true", help="no topic of its own for the slow model")
    parser.add_argument("--ask", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        figures = asyncio.run(ask(options.ask, options.requests, options.in_flight))
    else:
        with tempfile.TemporaryDirectory(prefix="streamapp-bench-") as folder:
            figures = asyncio.run(measure(options, Path(folder)))
    print(json.dumps(figures))  # noqa: T201  # what was asked for


if __name__ == "__main__":
    main()
