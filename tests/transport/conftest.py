"""One test's topic, group and workers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from stage import Stage

from streamapp.embedded.processes import Processes


@pytest.fixture
async def stage(broker: str, processes: Processes, tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(broker, processes, tmp_path)
    yield stage
    for worker in stage.workers:
        if worker.child in processes.children:
            await processes.stop(worker.child, timeout=15)
