"""Fixtures of the sinks' tests: quick looks at changed sinks, a broker and a Redis that a test may end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sinks_support import BACKENDS, Backend

from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes
from streamapp.sinks import feed


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed looks more often, and waits less, than it does for a user."""
    monkeypatch.setattr(feed, "_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(feed, "_LAST_DELAY", 0.5)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, settings: Settings) -> Backend:
    """Each sink in turn."""
    return BACKENDS[request.param](settings)


@pytest.fixture
async def own_processes(tmp_path: Path) -> AsyncIterator[Processes]:
    """Child processes of this test alone, which it may kill."""
    async with Processes(tmp_path / "logs") as processes:
        yield processes
