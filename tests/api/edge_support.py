"""A real edge on a free port, as its process serves it, in the test's own event loop; the embedded broker, Valkey."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
from aiokafka import ConsumerRecord, TopicPartition
from fastapi import FastAPI
from waiting import eventually

from api.app import create_app
from api.server import Server
from streamapp.clients import kafka
from streamapp.contracts import codec
from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Child

HANDBOOK = {"data": [{"Designation": 1.5, "Resource_Allocation": 1.7, "Sleep_Hours": 7}]}
FEATURES = (
    "Designation",
    "Resource Allocation",
    "Mental Fatigue Score",
    "Work_Hours_per_Week",
    "Sleep_Hours",
    "Work-Life_Balance_Score",
    "Manager_Support_Score",
    "Deadline_Pressure_Score",
    "Team_Size",
    "Recognition_Frequency",
    "Gender_Male",
    "Company_Type_Service",
    "WFH_Setup_Available_Yes",
)


def card(alias: str, version: str = "1") -> ModelCard:
    names = {"svm": "SVC", "knn": "Knn_Classifier", "lightgbm": "LightGBM_Classifier"}
    features = tuple(Feature(name) for name in FEATURES)
    return ModelCard(alias, names.get(alias, alias), version, "run", "sklearn", features)


async def put_cards(settings: Settings, *cards: ModelCard | tuple[bytes, bytes | None]) -> None:
    """Publish cards, or raw records, on the models topic."""
    await kafka.ensure_topics(settings, topics(settings), "test")
    async with kafka.producer(settings, "test") as producer:
        for item in cards:
            key, value = (item.alias.encode(), codec.encode(item)) if isinstance(item, ModelCard) else item
            await producer.send_and_wait(settings.models_topic, value, key)


async def records(settings: Settings, count: int) -> list[ConsumerRecord]:
    """Read the first `count` records of the input topic, and fail where more are there."""
    found: list[ConsumerRecord] = []
    async with kafka.consumer(settings, "test") as consumer:
        partitions = [TopicPartition(settings.input_topic, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        deadline = time.monotonic() + 10
        while len(found) < count and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += batch
        found += [record for batch in (await consumer.getmany(timeout_ms=300)).values() for record in batch]
    assert len(found) == count
    return found


@asynccontextmanager
async def running(settings: Settings, app: FastAPI | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the edge; gives a client that speaks to it over a socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = Server(app or create_app(settings), settings)
    task = asyncio.create_task(server.serve([listener]))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
        await eventually(lambda: server.started, "the edge to listen")
        try:
            yield client
        finally:
            server.should_exit = True
            await task


async def ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


async def documented(client: httpx.AsyncClient, path: str, media_type: str = "application/json") -> list[Any]:
    """Return the bodies that the documentation has as examples for POST requests to a path."""
    document = (await client.get("/openapi.json")).json()
    named = document["paths"][path]["post"]["requestBody"]["content"][media_type]["examples"]
    return [document["components"]["examples"][name]["value"] for name in named]


async def post(client: httpx.AsyncClient) -> tuple[int, str]:
    """Send the handbook's row; return status and code, checking the time that the answer took."""
    started = time.monotonic()
    response = await client.post("/predict_stream", json=HANDBOOK)
    assert time.monotonic() - started < 2
    assert response.status_code == 202 or response.headers["retry-after"] == "1"
    return response.status_code, response.json().get("code", "")


async def pause(child: Child) -> None:
    """Stop a process until it gets SIGCONT; on a busy machine that takes a moment."""
    child.process.send_signal(signal.SIGSTOP)
    await eventually(psutil.Process(child.pid).status, expected=psutil.STATUS_STOPPED)
