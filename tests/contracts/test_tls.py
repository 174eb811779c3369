"""TLS towards a server: real handshakes on a socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from certificates import Authority
from cryptography import x509

from streamapp.contracts.tls import Identity

ELSEWHERE = x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.1"))])


@asynccontextmanager
async def serving(certificate: Path, clients: Path | None = None) -> AsyncIterator[int]:
    """Serve TLS, which says who has come; `clients` is the authority that they need a certificate of."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_REQUIRED if clients else ssl.CERT_NONE

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(repr(writer.get_extra_info("peercert")).encode())
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connected(port: int, identity: Identity) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=identity.context())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


async def test_a_server_is_trusted_by_its_authority_alone(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    async with serving(ours.issue("server")) as port:
        assert await connected(port, Identity(ours.file)) == "None"
        for stranger in (Identity(theirs.file), Identity(), Identity(theirs.file, check_hostname=False)):
            with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
                await connected(port, stranger)


async def test_a_server_under_another_name_is_refused_unless_that_is_allowed(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    async with serving(ours.issue("server", names=ELSEWHERE)) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            await connected(port, Identity(ours.file))
        assert await connected(port, Identity(ours.file, check_hostname=False)) == "None"


async def test_the_client_shows_its_certificate(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    async with serving(ours.issue("server"), clients=ours.file) as port:
        assert "'edge'" in await connected(port, Identity(ours.file, ours.issue("edge")))
