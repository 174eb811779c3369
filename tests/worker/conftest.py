"""A registry with one quick model, and topics for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import teams
from registry_tags import serve_nothing_else
from worker_support import Stack

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Processes


@pytest.fixture(scope="session")
def registered(registry_uri: str) -> str:
    """Register a LightGBM model that says 1 where a team is larger than ten; returns its name."""
    teams.register(registry_uri, "Large_Team")
    return "Large_Team"


@pytest.fixture
async def stack(settings: Settings, processes: Processes, registry_uri: str, registered: str) -> AsyncIterator[Stack]:
    """Topics and workers on the embedded broker."""
    async with _stack(settings, processes, registry_uri, registered) as stack:
        yield stack


@pytest.fixture
async def kafka_stack(
    kafka_settings: Settings, processes: Processes, registry_uri: str, registered: str
) -> AsyncIterator[Stack]:
    """The same on a broker with transactions."""
    async with _stack(kafka_settings, processes, registry_uri, registered) as stack:
        yield stack


@asynccontextmanager
async def _stack(
    settings: Settings, processes: Processes, registry_uri: str, registered: str
) -> AsyncIterator[Stack]:
    own = settings.model_copy(
        update={
            "mlflow_tracking_uri": registry_uri,
            "models": {"large": registered, "absent": "Not_Registered"},
            "default_model": "large",
        }
    )
    serve_nothing_else(registry_uri)
    await kafka.ensure_topics(own, topics(own), "test")
    stack = Stack(own, processes)
    yield stack
    for worker in stack.workers:
        if worker in processes.children:
            await processes.stop(worker, timeout=15)
