"""Damaged HTTP requests, the same ones each time."""

from pathlib import Path
from random import Random

from fuzz import edge
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes


async def test_damaged_requests_are_answered_or_closed_and_the_edge_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    async with Processes(tmp_path / "logs") as processes:
        started = await edge.start(processes, settings)
        await started.fuzz(Random(7), 400)  # noqa: S311  # no secret
