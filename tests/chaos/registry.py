"""The MLflow server of a run, the models in it, and what they say of rows: recomputed apart from the worker."""

import asyncio
import contextlib
import importlib
import io
import logging
import os
from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any, Final

from chaos.ledger import Answer
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, free_port

#: Alias and registered name of the model that the traffic asks for.
ALIAS: Final = "large"
NAME: Final = "Large_Team"
FEATURES: Final = ("Serial", "Sleep_Hours", "Team_Size")
#: Models that fail on a row whose mood is 13: alias to registered name. They are registered where a fault asks.
POISONED: Final = {"raising": "Raising", "hanging": "Hanging"}
_SERVED: Final = Path(__file__).parent / "served"


class Registry:
    """An MLflow server with the traffic's model, which can be killed and started again with what it holds.

    Args:
        processes: Starts and ends it.
        folder: Folder of its data.
    """

    def __init__(self, processes: Processes, folder: Path) -> None:
        port = free_port()
        self.uri = f"http://127.0.0.1:{port}"
        self.child: Child | None = None
        self._processes = processes
        self._program = services.mlflow(port, folder)
        self._poisoned: set[str] = set()

    async def start(self) -> None:
        """Start the server, with what it held before."""
        self.child = await self._processes.run(self._program)

    async def fill(self) -> None:
        """Start the server and register the traffic's model."""
        # MLflow takes seconds to import: here, while its server starts.
        await asyncio.gather(self.start(), asyncio.to_thread(importlib.import_module, "mlflow.lightgbm"))
        await asyncio.to_thread(_log_traffic_model, self.uri)

    async def add_poisoned(self, alias: str) -> None:
        """Register one of the models that fail, once a run."""
        if alias not in self._poisoned:
            await asyncio.to_thread(_log_poisoned, self.uri, alias)
            self._poisoned.add(alias)

    def recompute(self, name: str, version: str, rows: Sequence[dict[str, float]]) -> list[Answer]:
        """Return what a registered version says of rows. Blocks."""
        if name != NAME:
            return [Answer((1,), ())] * len(rows)
        import numpy as np

        table = np.array([[row[feature] for feature in FEATURES] for row in rows], dtype=np.float64)
        second = _booster(self.uri, name, version).predict(table, num_threads=1)
        return [Answer((int(p > 1.0 - p),), (1.0 - p, p)) for p in second.tolist()]


@cache
def _booster(uri: str, name: str, version: str) -> Any:
    import mlflow

    mlflow.set_tracking_uri(uri)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    return mlflow.lightgbm.load_model(f"models:/{name}/{version}")


def _quietly(log: Callable[..., None]) -> Callable[..., None]:
    """MLflow tells of each step on standard error; the steps are of no interest unless one fails."""

    @wraps(log)
    def quiet(*arguments: str) -> None:
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        with contextlib.redirect_stderr(io.StringIO()):
            log(*arguments)

    return quiet


@_quietly
def _log_traffic_model(uri: str) -> None:
    """Register a LightGBM model that says 1 where a team is larger than ten."""
    import lightgbm
    import mlflow
    import numpy as np
    import pandas as pd

    table = pd.DataFrame(np.random.default_rng(3).uniform(0, 20, size=(500, 3)), columns=list(FEATURES))
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(options, lightgbm.Dataset(table, table["Team_Size"] > 10), 10)
    mlflow.set_tracking_uri(uri)
    mlflow.lightgbm.log_model(
        booster,
        name="model",
        registered_model_name=NAME,
        signature=_signature(FEATURES),
        input_example=table.head(1),
        pip_requirements=["lightgbm"],
        metadata={"task": "classification", "classes": [0, 1]},
    )


@_quietly
def _log_poisoned(uri: str, alias: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.pyfunc.log_model(
        name="model",
        python_model=str(_SERVED / f"{alias}.py"),
        registered_model_name=POISONED[alias],
        signature=_signature((*FEATURES, "Mood")),
        pip_requirements=["mlflow"],
        metadata={"task": "classification", "classes": [1]},
    )


def _signature(features: Sequence[str]) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    return ModelSignature(Schema([ColSpec("double", name, required=False) for name in features]))
