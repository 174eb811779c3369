"""As much of Kafka's wire protocol as a proxy needs: where a frame ends, what it asks for and who sent it. Pure.

Every frame is its size (4 bytes) and that many bytes. A request begins with api key, api version, correlation id and
client id; a response with the correlation id alone. https://kafka.apache.org/protocol
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Final

PRODUCE: Final = 0
_SIZE: Final = struct.Struct(">i")
_REQUEST: Final = struct.Struct(">hhih")
_OURS: Final = "streamapp-"


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield whole frames, each with its size in front, until the connection ends."""
    while True:
        try:
            size = await reader.readexactly(_SIZE.size)
            yield size + await reader.readexactly(*_SIZE.unpack(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return


def api_key(request: bytes) -> int:
    """Return which API a request calls."""
    return int(_REQUEST.unpack_from(request, _SIZE.size)[0])


def correlation_id(request: bytes) -> int:
    """Return the number by which a request and its response belong together."""
    return int(_REQUEST.unpack_from(request, _SIZE.size)[2])


def answered_id(response: bytes) -> int:
    """Return the number of the request that a response answers."""
    return int(_SIZE.unpack_from(response, _SIZE.size)[0])


def role(request: bytes) -> str:
    """Return which part of ours sent a request: `edge` of the client id `streamapp-edge-HOST`, else ""."""
    length = _REQUEST.unpack_from(request, _SIZE.size)[3]
    start = _SIZE.size + _REQUEST.size
    name = request[start : start + max(length, 0)].decode(errors="replace")
    return name.removeprefix(_OURS).partition("-")[0] if name.startswith(_OURS) else ""
