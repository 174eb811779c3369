"""The address of a model in a request is no alias: it is refused, and nobody goes there."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_support import HANDBOOK, card, put_cards, ready, records, running
from waiting import eventually

from streamapp.contracts.settings import Settings

#: What it may hold instead of the address of the listener.
ADDRESSES = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "file:///etc/passwd",
    "runs:/0123456789abcdef/model",
    "models:/SVC/1",
    "s3://bucket/model",
    "http://{listener}/model",
    "mlflow-artifacts://{listener}/model",
)

_seen: list[Any] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "open"}:
        _seen.append((event, arguments[1] if event == "socket.connect" else arguments[0]))


# It stays for the rest of the process: Python takes none away.
sys.addaudithook(_note)


@pytest.fixture
def seen() -> Iterator[list[Any]]:
    """Where this process connects to, what names it looks up, and which files it opens."""
    global _seen  # noqa: PLW0603  # an audit hook has no other way to be told
    _seen = []
    Path(__file__).read_bytes()  # one at least is seen, whatever was opened before
    yield _seen
    _seen = None


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who must not be called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        yield listening


@pytest.mark.bad_input(18)
async def test_a_model_address_is_refused_and_nobody_is_connected_to(
    settings: Settings, seen: list[Any], listener: socket.socket
) -> None:
    await put_cards(settings, card("svm"))
    host, port = listener.getsockname()
    async with running(settings) as client:
        await eventually(lambda: ready(client), "the edge to be ready")
        assert {event for event, _ in seen} >= {"socket.connect", "open"}  # it does tell
        seen.clear()
        for address in (text.format(listener=f"{host}:{port}") for text in ADDRESSES):
            row = {**HANDBOOK["data"][0], "model": address}
            for path in ("/predict_stream", "/predict"):
                asked = [
                    await client.post(path, params={"model": address}, json=HANDBOOK),
                    await client.post(path, json={**HANDBOOK, "model": address}),
                    await client.post(path, json={**HANDBOOK, "model_uri": address}),
                    await client.post(path, params={"model": "svm"}, json={"data": [row]}),
                ]
                assert [answer.status_code for answer in asked] == [422] * 4, address
                codes = [answer.json()["code"] for answer in asked]
                assert codes == ["invalid_parameter", *["unknown_field"] * 3]
                assert not any(address in answer.text for answer in asked)
    with pytest.raises(BlockingIOError):
        listener.accept()
    addresses = {str(what[0]) for event, what in seen if event == "socket.connect" and isinstance(what, tuple)}
    assert addresses <= {"127.0.0.1", "::1"}
    assert not [what for what in seen if any(word in str(what) for word in ("169.254", "passwd", str(port)))]
    assert await records(settings, 0) == []
