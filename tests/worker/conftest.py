"""A registry with one quick model, and topics for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from worker_support import Stack

from streamapp.clients import kafka
from streamapp.contracts.settings import Settings
from streamapp.contracts.topics import topics
from streamapp.embedded.processes import Processes

FEATURES = ("Sleep_Hours", "Team_Size")


@pytest.fixture(scope="session")
def registered(registry_uri: str) -> str:
    """Register a LightGBM model that says 1 where a team is larger than ten; returns its name."""
    import lightgbm
    import mlflow
    import numpy as np
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    table = pd.DataFrame(np.random.default_rng(3).uniform(0, 20, size=(500, 2)), columns=list(FEATURES))
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(options, lightgbm.Dataset(table, table["Team_Size"] > 10), 10)
    mlflow.set_tracking_uri(registry_uri)
    mlflow.lightgbm.log_model(
        booster,
        name="model",
        registered_model_name="Large_Team",
        signature=ModelSignature(Schema([ColSpec("double", name, required=False) for name in FEATURES])),
        input_example=table.head(1),
        pip_requirements=["lightgbm"],
        metadata={"task": "classification", "classes": [0, 1]},
    )
    mlflow.set_tracking_uri(None)
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
    await kafka.ensure_topics(own, topics(own), "test")
    stack = Stack(own, processes)
    yield stack
    for worker in stack.workers:
        if worker in processes.children:
            await processes.stop(worker, timeout=15)
