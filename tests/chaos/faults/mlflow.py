"""The model registry dies, then hangs. A worker that has its models does without it; one that has none waits."""

import asyncio
from typing import Final

from waiting import eventually

from chaos import parts
from chaos.fault import Fault, NotPossible
from chaos.trial import Trial
from streamapp.contracts.settings import variable
from streamapp.embedded.processes import Child, Ready, answering

#: Seconds until a worker has asked a registry in vain: it imports MLflow, and waits for the answer twice.
_ASKED_IN_VAIN: Final = 120.0
_AWAY_FOR: Final = 3.0
_WAITING: Final = "No model can be served yet"


async def _dead_then_hung(trial: Trial) -> None:
    """SIGKILL MLflow and start a worker; SIGSTOP it and start the other worker anew."""
    registry = trial.registry
    if registry.child is None:
        raise NotPossible("MLflow is no process of this run")
    trial.parts.kill(registry.child)
    second = await _cold_start(trial, "dead")
    await registry.start()
    await _becomes_ready(second)
    parts.pause(registry.child)
    try:
        await trial.parts.terminate(trial.parts.workers[0], timeout=trial.settings.shutdown_timeout + 10.0)
        third = await _cold_start(trial, "hung")
    finally:
        parts.resume(registry.child)
    await _becomes_ready(third)


async def _cold_start(trial: Trial, how: str) -> Child:
    """Start a worker, and look at it and at the one that has its models once it has asked for its own in vain."""
    worker = trial.parts.start_worker()
    await eventually(lambda: _WAITING in worker.log.read_text(), f"asks MLflow, {how}", timeout=_ASKED_IN_VAIN)
    before = await trial.observer.committed()
    await asyncio.sleep(_AWAY_FOR)
    after = await trial.observer.committed()
    trial.expect(after > before, f"the worker that has its models stood still while MLflow was {how}")
    trial.expect(await _page(worker, "livez")(), f"a worker said that it hangs while MLflow was {how}")
    trial.expect(not await _page(worker, "readyz")(), f"a worker without models said it was ready, MLflow {how}")
    trial.expect(not parts.is_ready(worker), f"a worker without models took partitions while MLflow was {how}")
    return worker


async def _becomes_ready(worker: Child) -> None:
    await parts.ready(worker)
    await eventually(_page(worker, "readyz"), f"{worker.program.name} says that it is ready")


def _page(worker: Child, path: str) -> Ready:
    return answering(f"http://127.0.0.1:{worker.program.env[variable('worker_web_port')]}/{path}")


FAULTS = (Fault(16, "MLflow dead, then hung, at a worker's start", _dead_then_hung, repeats=False),)
