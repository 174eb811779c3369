"""A real edge on a free port, with the embedded broker and Valkey behind it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from edge_support import card, put_cards, ready, running
from replies_support import MARKETPLACE, SVM, answering
from waiting import eventually

from api.replies import lease
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes


@pytest.fixture(autouse=True)
def _ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many an edge ends before the embedded broker has let it into its group, which takes three seconds."""
    monkeypatch.setattr(lease, "_LEAVE", 0.1)


@pytest.fixture
async def edge(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """An edge that is ready and serves svm, knn and lightgbm."""
    await put_cards(settings, card("svm"), card("knn"), card("lightgbm"))
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        yield client


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Processes]:
    """Processes of one test, which it may treat as badly as it likes."""
    async with Processes(tmp_path / "logs") as processes:
        yield processes


@pytest.fixture
async def scored(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """An edge, and who answers with the number in a row's field `Designation`."""
    await put_cards(settings, SVM, MARKETPLACE)
    async with answering(settings), running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        await eventually(lambda: _answers(client), "replies to be read")
        yield client


async def _answers(client: httpx.AsyncClient) -> bool:
    return (await client.post("/predict", json={"data": [{"Designation": 1}]})).status_code == 200
