"""A registry with one quick model, and topics for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import teams
from mlflow import MlflowClient
from worker_support import Stack

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.status import ALIAS_TAG
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
    _serve_nothing_else(registry_uri)
    await kafka.ensure_topics(own, topics(own), "test")
    stack = Stack(own, processes)
    yield stack
    for worker in stack.workers:
        if worker in processes.children:
            await processes.stop(worker, timeout=15)


def _serve_nothing_else(registry_uri: str) -> None:
    """Take their tags from the models of other tests: the registry is shared, and workers serve what is tagged."""
    client = MlflowClient(registry_uri, registry_uri)
    for model in client.search_registered_models(max_results=1000):
        if ALIAS_TAG in model.tags:
            client.delete_registered_model_tag(model.name, ALIAS_TAG)
