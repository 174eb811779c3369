"""Clients that ask and do not read what they are answered."""

import asyncio
import socket
from functools import partial

import pytest
from edge_process import EdgeProcess, head, serving
from waiting import eventually

from streamapp.contracts.card import Feature, ModelCard
from streamapp.contracts.settings import Settings
from streamapp.embedded.processes import Processes

CARD = ModelCard("large", "Large", "1", "run", "lightgbm", (Feature("Sleep_Hours"), Feature("Team_Size")))
#: More than the system keeps for a connection whose other end reads nothing.
LARGEST = "/docs/swagger-ui-bundle.js"
PATIENCE = 1.0


async def deaf(edge: EdgeProcess) -> socket.socket:
    """Return a connection that reads nothing, and tells the other end to send little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(0)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", edge.port))
    return connection


def is_kept(edge: EdgeProcess, connection: socket.socket) -> bool:
    """Say whether the edge has a connection open."""
    return connection.getsockname() in {found.raddr for found in edge.process.net_connections("tcp")}


@pytest.mark.parametrize("asked", [[{}] * 6, [{}, {"Connection": "close"}]], ids=["more", "the last"])
async def test_a_client_that_does_not_read_its_answers_is_cut_off(
    own: Processes, settings: Settings, asked: list[dict[str, str]]
) -> None:
    async for edge in serving(own, settings.model_copy(update={"request_timeout": PATIENCE}), CARD):
        with await deaf(edge) as connection:
            requests = b"".join(head("GET", LARGEST, fields) for fields in asked)
            await asyncio.get_running_loop().sock_sendall(connection, requests)
            kept = partial(is_kept, edge, connection)
            await eventually(kept, "the edge to have it")
            await eventually(kept, "the edge to end it", expected=False)
        assert (await edge.get(LARGEST)).status == 200
        assert "Traceback" not in edge.child.log.read_text()
