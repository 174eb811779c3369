"""The brokers of a run, each behind the proxy through which all parts reach it."""

from pathlib import Path
from typing import Protocol

from apache_kafka import ApacheKafka
from msgspec import structs

from chaos.proxy import Proxy
from streamapp.embedded import services
from streamapp.embedded.processes import Child, Processes, free_port


class Broker(Protocol):
    """A broker that advertises the port of its proxy.

    Attributes:
        child: Its process.
        proxy: The proxy.
    """

    child: Child | None
    proxy: Proxy

    async def start(self) -> object:
        """Start it, with the data that it had before where it keeps any."""

    async def stop(self) -> None:
        """End it in good order."""

    async def kill(self) -> None:
        """SIGKILL it."""


class Kafka(ApacheKafka):
    """Apache Kafka behind the proxy.

    Args:
        processes: Starts and ends it.
        folder: Folder of its configuration and data.
    """

    def __init__(self, processes: Processes, folder: Path) -> None:
        port = free_port()
        self.proxy = Proxy(port)
        super().__init__(processes, folder, port, advertised_listeners=f"PLAINTEXT://127.0.0.1:{self.proxy.port}")


class Embedded:
    """The embedded broker behind the proxy. It keeps nothing, so it is never restarted.

    Args:
        processes: Starts and ends it.
    """

    def __init__(self, processes: Processes) -> None:
        port = free_port()
        self.proxy = Proxy(port)
        self.child: Child | None = None
        program = services.broker(port)
        argv = list(program.argv)
        argv[argv.index("--advertised-listener-url") + 1] = f"tcp://127.0.0.1:{self.proxy.port}"
        self._program = structs.replace(program, argv=tuple(argv))
        self._processes = processes

    async def start(self) -> Child:
        """Start it."""
        self.child = await self._processes.run(self._program)
        return self.child

    async def stop(self) -> None:
        """End it in good order."""
        if self.child is not None:
            await self._processes.stop(self.child)

    async def kill(self) -> None:
        """SIGKILL it."""
        if self.child is not None:
            self.child.process.kill()
            await self._processes.stop(self.child)
