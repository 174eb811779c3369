"""A TCP proxy in front of a broker that loses the answer to a produce request, and nothing else."""

import asyncio
import contextlib
from enum import Enum
from typing import Self

_PRODUCE = b"\x00\x00"


class Loss(Enum):
    """What becomes of the answer, and of the connection that it should have come over."""

    HANG_UP = "the connection ends"
    SILENCE = "the connection stays, nothing comes over it any more"


class LossyProxy:
    """Passes everything on between the clients and a broker on loopback, until it is told to lose an answer.

    Args:
        port: Port to listen on.
        broker: Port of the broker.
    """

    def __init__(self, port: int, broker: int) -> None:
        self._port = port
        self._broker = broker
        self._next: Loss | None = None
        self.lost = 0

    def lose_next(self, loss: Loss) -> None:
        """Lose the answer to the next produce request, which the broker gets."""
        self._next = loss

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            upstream, downstream = await asyncio.open_connection("127.0.0.1", self._broker)
            losses: list[Loss] = []
            pumps = [
                asyncio.create_task(self._requests(reader, downstream, losses)),
                asyncio.create_task(self._answers(upstream, writer, losses)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            downstream.close()
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losses: list[Loss]) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                size = await reader.readexactly(4)
                request = await reader.readexactly(int.from_bytes(size))
                if self._next is not None and request.startswith(_PRODUCE):
                    losses.append(self._next)
                    self._next = None
                writer.write(size + request)
                await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losses: list[Loss]) -> None:
        with contextlib.suppress(OSError):
            while answer := await reader.read(65536):
                if not losses:
                    writer.write(answer)
                    await writer.drain()
                    continue
                self.lost += 1
                if losses == [Loss.HANG_UP]:
                    return
